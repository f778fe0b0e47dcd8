// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// stamp NAME PROGRAM ARGUMENT...: prints `measured NAME N`, the machine's counter at that moment in
// instructions (docs/performance.md), and becomes the program: its first instruction is an execve
// away.

#include <unistd.h>

#include <cinttypes>
#include <cstdio>

#include "bench/peers/counter.h"

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr, "usage: stamp NAME PROGRAM ARGUMENT...\n");
    return 2;
  }
  std::printf("measured %s %" PRIu64 "\n", argv[1], bulkhead::Instructions());
  std::fflush(stdout);
  execv(argv[2], argv + 2);
  std::perror(argv[2]);
  return 127;
}
