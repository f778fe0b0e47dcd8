// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_RUNTIME_AARCH64_INCLUDE_RUNTIME_ARCH_ARCH_H_
#define BULKHEAD_RUNTIME_AARCH64_INCLUDE_RUNTIME_ARCH_ARCH_H_

#include <cstdint>

namespace bulkhead {

// The machine's counter: CNTVCT_EL0, which the hypervisor keeps equal to the physical one. ISB: not
// read ahead of what comes before (Arm ARM D11.2.2).
inline uint64_t Now() {
  uint64_t ticks;
  asm volatile("isb; mrs %0, cntvct_el0" : "=r"(ticks) : : "memory");
  return ticks;
}

// The stack pointer that a thread begins with, for a stack that ends at `top` (16-byte aligned).
constexpr uint64_t EntryStack(uint64_t top) { return top; }

}  // namespace bulkhead

#endif  // BULKHEAD_RUNTIME_AARCH64_INCLUDE_RUNTIME_ARCH_ARCH_H_
