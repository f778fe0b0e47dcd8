// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "hypervisor/node_lock.h"

#include "arch/log.h"
#include "hypervisor/cross_call.h"

namespace bulkhead {

// Whoever holds the lock may be waiting for this CPU.
void NodeLock::Wait(Cpu& cpu) {
  do {
    // Without writing, until it looks free: the line stays with all who wait.
    while (held_.load(std::memory_order_relaxed) != 0) {
      ServeCrossCall(cpu);
      arch::Pause();
    }
  } while (held_.exchange(1, std::memory_order_acquire) != 0);
}

#ifndef NDEBUG

void NodeLock::CheckAcquired(Cpu& cpu) {
  if (holder_.exchange(&cpu) != nullptr) Fatal("the node's lock was given to two processors");
}

void NodeLock::CheckReleased(Cpu& cpu) {
  if (holder_.exchange(nullptr) != &cpu) Fatal("a processor released a lock that it does not hold");
}

#endif

}  // namespace bulkhead
