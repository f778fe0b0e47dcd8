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

namespace bulkhead {

struct KernelImage {
  std::string path;         // an ELF file with a PVH entry, in the cache
  uint64_t file_size = 0;   // bytes
  uint64_t memory_end = 0;  // guest-physical; where the loaded kernel ends
};

// Unpacks the ELF kernel out of a bzImage (Linux, Documentation/x86/boot.rst); an ELF file is
// returned as it is. `name` is for messages.
absl::StatusOr<std::string> UnpackKernel(std::span<const std::byte> file, const std::string& name);

// Checks that an ELF kernel can be started through its PVH note; sets memory_end.
absl::StatusOr<uint64_t> CheckKernel(std::span<const std::byte> elf, const std::string& name);

// Unpacks `path` into the cache, by its digest, and checks it.
absl::StatusOr<KernelImage> PrepareKernel(const std::string& path, const std::string& cache_root);

}  // namespace bulkhead

#endif  // BULKHEAD_CLI_KERNEL_IMAGE_H_
