// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include <cstddef>
#include <cstdint>
#include <span>

#include "cli/kernel_image.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::span<const std::byte> file(reinterpret_cast<const std::byte*>(data), size);
  for (const auto arch : {bulkhead::Architecture::kX86_64, bulkhead::Architecture::kAarch64}) {
    const absl::StatusOr<std::string> kernel = bulkhead::UnpackKernel(file, arch, "k");
    if (!kernel.ok()) continue;
    (void)bulkhead::CheckKernel(std::as_bytes(std::span<const char>(*kernel)), arch, "k");
  }
  return 0;
}
