// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_HYPERVISOR_SCHEDULER_H_
#define BULKHEAD_HYPERVISOR_SCHEDULER_H_

// Which thread runs: the one of highest priority, those of equal priority in turn for a time slice
// each. One scheduler a CPU.

#include <array>
#include <cstdint>

#include "hypervisor/abi/types.h"
#include "hypervisor/thread.h"

namespace bulkhead {

class Scheduler {
 public:
  // `slice`: how long a thread runs while others of its priority wait, in counter ticks.
  void Initialize(uint64_t slice) { slice_ = slice; }
  uint64_t slice() const { return slice_; }

  // Makes a thread ready. One that has waited goes to the end of its queue.
  void MakeReady(Thread& thread);
  // The thread does not want to run any more: it waits, or it ended.
  void Remove(Thread& thread);

  // The thread to run now; null: none. The chosen one keeps the CPU, unless a higher priority is
  // ready, until its slice is over.
  Thread* Choose(uint64_t now);

  // When Choose would choose differently without anybody becoming ready; kNever: never.
  uint64_t NextChange() const;

  Thread* current() const { return current_; }

  // Whether Choose would say what it said last: no thread has become ready or stopped since, and no
  // timer has fired. The short way back after a call or a guest's exit.
  bool settled() const { return settled_; }
  // Time has passed: the slice may be over, a wait may have ended.
  void Unsettle() { settled_ = false; }

 private:
  std::array<ThreadQueue, abi::kPriorities> ready_;  // without the current thread
  uint32_t occupied_ = 0;                            // bit: that queue is not empty
  uint64_t slice_ = 0;
  uint64_t slice_end_ = 0;
  Thread* current_ = nullptr;
  bool settled_ = false;

  int HighestReady() const;
  void Enqueue(Thread& thread, bool front);
  void Dequeue(Thread& thread);
};

}  // namespace bulkhead

#endif  // BULKHEAD_HYPERVISOR_SCHEDULER_H_
