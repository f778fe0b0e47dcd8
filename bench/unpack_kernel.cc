// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// Prints the path of the ELF kernel that `bulkhead run` would boot from a kernel file:
//   unpack_kernel FILE CACHE-DIRECTORY

#include <cstdio>
#include <string>

#include "cli/kernel_image.h"

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: unpack_kernel FILE CACHE-DIRECTORY\n");
    return 2;
  }
  const absl::StatusOr<bulkhead::KernelImage> kernel = bulkhead::PrepareKernel(argv[1], argv[2]);
  if (!kernel.ok()) {
    std::fprintf(stderr, "unpack_kernel: %s\n", std::string(kernel.status().message()).c_str());
    return 1;
  }
  return std::puts(kernel->path.c_str()) < 0 ? 1 : 0;
}
