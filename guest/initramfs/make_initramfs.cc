// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// Writes a base initramfs to stdout, to boot or to look into it by hand:
//   make_initramfs INIT MODULES-DIR [PROGRAMS] > FILE
// PROGRAMS is InitramfsOptions' of that name.

#include <cstdio>

#include "guest/initramfs/initramfs.h"

int main(int argc, char** argv) {
  if (argc != 3 && argc != 4) {
    std::fprintf(stderr, "usage: make_initramfs INIT MODULES-DIR [PROGRAMS] > FILE\n");
    return 2;
  }
  bulkhead::InitramfsOptions options;
  options.init = argv[1];
  options.modules_dir = argv[2];
  if (argc == 4) options.programs = argv[3];
  const absl::StatusOr<std::string> archive = bulkhead::BuildBaseInitramfs(options);
  if (!archive.ok()) {
    std::fprintf(stderr, "make_initramfs: %s\n", archive.status().ToString().c_str());
    return 1;
  }
  return std::fwrite(archive->data(), 1, archive->size(), stdout) == archive->size() ? 0 : 1;
}
