// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "hypervisor/timeouts.h"

namespace bulkhead {

void Timeouts::Insert(Thread& thread) {
  if (thread.deadline == abi::kNever) return;
  Thread* before = nullptr;
  Thread* after = first_;
  while (after != nullptr && after->deadline <= thread.deadline) {
    before = after;
    after = after->later;
  }
  thread.earlier = before;
  thread.later = after;
  (before != nullptr ? before->later : first_) = &thread;
  if (after != nullptr) after->earlier = &thread;
}

void Timeouts::Remove(Thread& thread) {
  if (thread.deadline == abi::kNever) return;
  (thread.earlier != nullptr ? thread.earlier->later : first_) = thread.later;
  if (thread.later != nullptr) thread.later->earlier = thread.earlier;
  thread.deadline = abi::kNever;
}

Thread* Timeouts::TakeDue(uint64_t now) {
  Thread* thread = first_;
  if (thread == nullptr || thread->deadline > now) return nullptr;
  Remove(*thread);
  return thread;
}

}  // namespace bulkhead
