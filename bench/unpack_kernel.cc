// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// Prints the path of the kernel that `bulkhead run --arch ARCH` would boot from a kernel file:
//   unpack_kernel ARCH FILE CACHE-DIRECTORY

#include <cstdio>
#include <optional>
#include <string>

#include "cli/architecture.h"
#include "cli/kernel_image.h"

int main(int argc, char** argv) {
  const auto arch = argc == 4 ? bulkhead::ParseArchitecture(argv[1]) : std::nullopt;
  if (!arch) {
    std::fprintf(stderr, "usage: unpack_kernel ARCH FILE CACHE-DIRECTORY\n");
    return 2;
  }
  const absl::StatusOr<bulkhead::KernelImage> kernel =
      bulkhead::PrepareKernel(argv[2], *arch, argv[3]);
  if (!kernel.ok()) {
    std::fprintf(stderr, "unpack_kernel: %s\n", std::string(kernel.status().message()).c_str());
    return 1;
  }
  return std::puts(kernel->path.c_str()) < 0 ? 1 : 0;
}
