// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_RUNTIME_MUTEX_H_
#define BULKHEAD_RUNTIME_MUTEX_H_

// Mutual exclusion between threads of a process, sleeping in an Event while another holds it.

#include <atomic>
#include <cstdint>

#include "hypervisor/abi/calls.h"
#include "hypervisor/abi/types.h"

namespace bulkhead {

class Mutex {
 public:
  // `event`: a handle with kSignal and kWait that nothing else uses.
  explicit Mutex(uint64_t event) : event_(event) {}
  Mutex(const Mutex&) = delete;
  Mutex& operator=(const Mutex&) = delete;

  void Lock() {
    uint32_t free = kFree;
    if (state_.compare_exchange_strong(free, kHeld, std::memory_order_acquire)) return;
    // Whoever leaves kContended behind when it unlocks wakes one; a signal without a waiter stays.
    while (state_.exchange(kContended, std::memory_order_acquire) != kFree) {
      (void)call::EventWait(event_, abi::kNever);
    }
  }

  void Unlock() {
    if (state_.exchange(kFree, std::memory_order_release) == kContended) {
      (void)call::EventSignal(event_, 1);
    }
  }

 private:
  enum : uint32_t { kFree, kHeld, kContended };
  std::atomic<uint32_t> state_ = kFree;
  uint64_t event_;
};

class MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) : mutex_(mutex) { mutex_.Lock(); }
  ~MutexLock() { mutex_.Unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex& mutex_;
};

}  // namespace bulkhead

#endif  // BULKHEAD_RUNTIME_MUTEX_H_
