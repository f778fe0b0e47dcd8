// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_RUNTIME_X86_64_INCLUDE_RUNTIME_ARCH_ARCH_H_
#define BULKHEAD_RUNTIME_X86_64_INCLUDE_RUNTIME_ARCH_ARCH_H_

#include <cstdint>

namespace bulkhead {

// The machine's counter.
inline uint64_t Now() {
  uint32_t low;
  uint32_t high;
  asm volatile("rdtsc" : "=a"(low), "=d"(high));
  return uint64_t{high} << 32 | low;
}

// The stack pointer that a thread begins with, for a stack that ends at `top` (16-byte aligned):
// as a call would leave it.
constexpr uint64_t EntryStack(uint64_t top) { return top - 8; }

}  // namespace bulkhead

#endif  // BULKHEAD_RUNTIME_X86_64_INCLUDE_RUNTIME_ARCH_ARCH_H_
