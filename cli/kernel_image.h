// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_CLI_KERNEL_IMAGE_H_
#define BULKHEAD_CLI_KERNEL_IMAGE_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "cli/architecture.h"

namespace bulkhead {

struct KernelImage {
  std::string path;         // in the cache: an ELF file with a PVH entry (x86_64), Image (aarch64)
  uint64_t file_size = 0;   // bytes
  uint64_t memory_end = 0;  // where the loaded kernel ends: bytes from the guest's first memory
};

// Unpacks what a VMM loads out of the formats that kernels come in (cli/kernel_format.h). `name` is
// for messages.
absl::StatusOr<std::string> UnpackKernel(std::span<const std::byte> file, Architecture arch,
                                         const std::string& name);

// Checks that an unpacked kernel can be started: through its PVH note on x86_64, by its header on
// aarch64. Returns memory_end.
absl::StatusOr<uint64_t> CheckKernel(std::span<const std::byte> kernel, Architecture arch,
                                     const std::string& name);

// Unpacks `path` into the cache, by its digest, and checks it.
absl::StatusOr<KernelImage> PrepareKernel(const std::string& path, Architecture arch,
                                          const std::string& cache_root);

}  // namespace bulkhead

#endif  // BULKHEAD_CLI_KERNEL_IMAGE_H_
