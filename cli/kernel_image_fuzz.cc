// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include <cstddef>
#include <cstdint>
#include <span>

#include "cli/kernel_image.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::span<const std::byte> file(reinterpret_cast<const std::byte*>(data), size);
  const absl::StatusOr<std::string> elf = bulkhead::UnpackKernel(file, "k");
  if (elf.ok()) (void)bulkhead::CheckKernel(std::as_bytes(std::span<const char>(*elf)), "k");
  return 0;
}
