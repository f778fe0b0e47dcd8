// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "hypervisor/thread.h"

namespace bulkhead {

void ThreadQueue::PushBack(Thread& thread) {
  thread.queue = this;
  thread.next = nullptr;
  thread.previous = tail_;
  (tail_ != nullptr ? tail_->next : head_) = &thread;
  tail_ = &thread;
}

void ThreadQueue::PushFront(Thread& thread) {
  thread.queue = this;
  thread.previous = nullptr;
  thread.next = head_;
  (head_ != nullptr ? head_->previous : tail_) = &thread;
  head_ = &thread;
}

void ThreadQueue::Remove(Thread& thread) {
  (thread.previous != nullptr ? thread.previous->next : head_) = thread.next;
  (thread.next != nullptr ? thread.next->previous : tail_) = thread.previous;
  thread.queue = nullptr;
}

Thread* ThreadQueue::PopFront() {
  Thread* thread = head_;
  if (thread != nullptr) Remove(*thread);
  return thread;
}

}  // namespace bulkhead
