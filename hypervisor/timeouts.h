// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_HYPERVISOR_TIMEOUTS_H_
#define BULKHEAD_HYPERVISOR_TIMEOUTS_H_

// Waiting threads with a time limit, the next first. Insertion looks at those that are due before:
// their number is that of waiting threads of this CPU.

#include <cstdint>

#include "hypervisor/thread.h"

namespace bulkhead {

class Timeouts {
 public:
  // thread.deadline says when; kNever is not inserted.
  void Insert(Thread& thread);
  // Also for a thread that is not in.
  void Remove(Thread& thread);
  uint64_t Next() const { return first_ != nullptr ? first_->deadline : abi::kNever; }
  // Takes the first thread out whose time has come; null: none.
  Thread* TakeDue(uint64_t now);

 private:
  Thread* first_ = nullptr;
};

}  // namespace bulkhead

#endif  // BULKHEAD_HYPERVISOR_TIMEOUTS_H_
