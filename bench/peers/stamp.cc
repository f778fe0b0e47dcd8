// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// stamp NAME PROGRAM ARGUMENT...: prints `measured NAME N`, the machine's counter at that moment in
// instructions (docs/performance.md), and becomes the program. So a peer's VMM starts to count where
// its first instruction is near: an execve away.

#include <unistd.h>

#include <cinttypes>
#include <cstdint>
#include <cstdio>

namespace {

// Under QEMU's -icount shift=0 the time-stamp counter has a tick for every instruction. On aarch64
// the counter's frequency says how many nanoseconds, so instructions, a tick is (Arm ARM D12.1.1).
uint64_t Instructions() {
#if defined(__x86_64__)
  return __builtin_ia32_rdtsc();
#else
  uint64_t count, frequency;
  asm volatile("isb; mrs %0, cntvct_el0; mrs %1, cntfrq_el0" : "=r"(count), "=r"(frequency));
  return count * (1'000'000'000 / frequency);
#endif
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr, "usage: stamp NAME PROGRAM ARGUMENT...\n");
    return 2;
  }
  std::printf("measured %s %" PRIu64 "\n", argv[1], Instructions());
  std::fflush(stdout);
  execv(argv[2], argv + 2);
  std::perror(argv[2]);
  return 127;
}
