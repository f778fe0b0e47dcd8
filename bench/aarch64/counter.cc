// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "bench/peers/counter.h"

namespace bulkhead {

// The counter's frequency says how many nanoseconds a tick has (Arm ARM D12.1.1).
uint64_t Instructions() {
  uint64_t count, frequency;
  asm volatile("isb; mrs %0, cntvct_el0; mrs %1, cntfrq_el0" : "=r"(count), "=r"(frequency));
  return count * (1'000'000'000 / frequency);
}

}  // namespace bulkhead
