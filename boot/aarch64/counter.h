// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_BOOT_AARCH64_COUNTER_H_
#define BULKHEAD_BOOT_AARCH64_COUNTER_H_

#include <cstdint>

namespace bulkhead {

// The system counter and what it counts in a second (Arm ARM D12).
inline uint64_t ReadCounter() {
  uint64_t value;
  asm volatile("isb; mrs %0, CNTPCT_EL0" : "=r"(value) : : "memory");
  return value;
}

inline uint64_t CounterHz() {
  uint64_t value;
  asm volatile("mrs %0, CNTFRQ_EL0" : "=r"(value));
  return value;
}

}  // namespace bulkhead

#endif  // BULKHEAD_BOOT_AARCH64_COUNTER_H_
