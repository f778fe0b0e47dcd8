// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "hypervisor/scheduler.h"

#include <bit>

#include "arch/cpu.h"

namespace bulkhead {

int Scheduler::HighestReady() const {
  return occupied_ == 0 ? -1 : 31 - std::countl_zero(occupied_);
}

void Scheduler::Enqueue(Thread& thread, bool front) {
  ThreadQueue& queue = ready_[thread.priority];
  if (front) {
    queue.PushFront(thread);
  } else {
    queue.PushBack(thread);
  }
  occupied_ |= 1u << thread.priority;
}

void Scheduler::Dequeue(Thread& thread) {
  ThreadQueue& queue = ready_[thread.priority];
  queue.Remove(thread);
  if (queue.empty()) occupied_ &= ~(1u << thread.priority);
}

void Scheduler::MakeReady(Thread& thread) {
  settled_ = false;
  thread.state = Thread::State::kReady;
  thread.ready_since = arch::Now();
  Enqueue(thread, false);
}

void Scheduler::Remove(Thread& thread) {
  settled_ = false;
  if (current_ == &thread) {
    current_ = nullptr;
  } else if (thread.state == Thread::State::kReady && thread.queue != nullptr) {
    Dequeue(thread);
  }
}

Thread* Scheduler::Choose(uint64_t now) {
  settled_ = true;
  const int highest = HighestReady();
  if (current_ != nullptr) {
    const int priority = static_cast<int>(current_->priority);
    const bool over = now >= slice_end_;
    if (highest < priority || (highest == priority && !over)) {
      // Alone with its priority: a new slice, so that a newcomer does not take over at once.
      if (over) slice_end_ = now + slice_;
      return current_;
    }
    // Pushed aside by a higher priority it is the next of its own, for the rest of its slice: with
    // a new one it could keep the others of its priority waiting for ever.
    current_->slice_left = over ? 0 : slice_end_ - now;
    current_->ready_since = now;
    Enqueue(*current_, !over);
    current_ = nullptr;
  }
  if (highest < 0) return nullptr;
  current_ = ready_[static_cast<uint32_t>(highest)].front();
  Dequeue(*current_);
  slice_end_ = now + (current_->slice_left != 0 ? current_->slice_left : slice_);
  current_->slice_left = 0;
  if (current_->vcpu != nullptr) current_->stolen += now - current_->ready_since;
  return current_;
}

uint64_t Scheduler::NextChange() const {
  if (current_ == nullptr || HighestReady() < static_cast<int>(current_->priority)) {
    return abi::kNever;
  }
  return slice_end_;
}

}  // namespace bulkhead
