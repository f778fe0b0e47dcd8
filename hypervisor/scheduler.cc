// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "hypervisor/scheduler.h"

#include <algorithm>

#include "arch/cpu.h"
#include "hypervisor/process.h"

namespace bulkhead {

void Scheduler::Initialize(uint64_t slice) {
  slice_ = slice;
  // More than any credit: nobody's virtual time is ever as low as that of the first group, 0.
  virtual_now_ = slice;
}

void Scheduler::MakeReady(Thread& thread) {
  Unsettle();
  const uint64_t now = arch::Now();
  thread.state = Thread::State::kReady;
  thread.ready_since = now;
  BudgetGroup& group = thread.group;
  group.Enqueue(thread, false);
  if (&group != running_ && group.queue_ == nullptr) WakeGroup(group, now);
}

void Scheduler::Remove(Thread& thread) {
  Unsettle();
  if (current_ == &thread) {
    current_ = nullptr;
  } else if (thread.state == Thread::State::kReady && thread.queue != nullptr) {
    BudgetGroup& group = thread.group;
    group.Dequeue(thread);
    if (group.occupied_ == 0 && group.queue_ != nullptr) group.queue_->Remove(group);
  }
}

// Everything since the last switch of groups was for the running one: its threads, and what the
// hypervisor did meanwhile.
void Scheduler::Charge(uint64_t now) {
  if (running_ == nullptr || now <= charged_until_) return;
  running_->Spend(now - charged_until_);
  charged_until_ = now;
  uint64_t least = running_->virtual_time_;
  if (waiting_.front() != nullptr) least = std::min(least, waiting_.front()->virtual_time_);
  virtual_now_ = std::max(virtual_now_, least);
}

// For a group that wants to run and does not.
void Scheduler::Queue(BudgetGroup& group, uint64_t now) {
  group.Refill(now, period());
  if (group.exhausted()) {
    parked_.Insert(group, group.period_end_);
  } else {
    waiting_.Insert(group, group.virtual_time_);
  }
}

// Whether the first in the queue has woken lately, and is still behind all that did not sleep.
bool Scheduler::HasCredit(const BudgetGroup* group) const {
  return group != nullptr && group->virtual_time_ < virtual_now_;
}

// How long the running group goes on. Who has credit waits only for those who are further behind.
uint64_t Scheduler::GroupSlice() const {
  const BudgetGroup* next = waiting_.front();
  if (!HasCredit(next) || next->virtual_time_ < running_->virtual_time_) return slice_;
  const uint64_t lead = (next->virtual_time_ - running_->virtual_time_) * running_->weight_;
  return std::clamp(lead, slice_ / 32, slice_);
}

void Scheduler::WakeGroup(BudgetGroup& group, uint64_t now) {
  Charge(now);
  group.CatchUp(virtual_now_, wake_credit());
  Queue(group, now);
  if (running_ != nullptr) group_slice_end_ = std::min(group_slice_end_, now + GroupSlice());
}

bool Scheduler::KeepsCpu(BudgetGroup& group, uint64_t now) {
  group.Refill(now, period());
  if (group.exhausted()) return false;
  const BudgetGroup* next = waiting_.front();
  const bool over = now >= group_slice_end_;
  if (next != nullptr && next->virtual_time_ <= group.virtual_time_ && (over || HasCredit(next))) {
    return false;
  }
  if (over) group_slice_end_ = now + GroupSlice();
  return true;
}

// The running thread is the next of its priority, for the rest of its slice: with a new one it
// could keep the others of its priority waiting for ever.
void Scheduler::PutBackCurrent(uint64_t now) {
  if (current_ == nullptr) return;
  const bool over = now >= slice_end_;
  current_->slice_left = over ? 0 : slice_end_ - now;
  current_->ready_since = now;
  running_->Enqueue(*current_, !over);
  current_ = nullptr;
}

void Scheduler::ChooseGroup(uint64_t now) {
  while (BudgetGroup* group = parked_.front()) {
    if (now < group->period_end_) break;
    parked_.Remove(*group);
    WakeGroup(*group, now);
  }
  Charge(now);
  if (running_ != nullptr && (current_ != nullptr || running_->occupied_ != 0)) {
    if (KeepsCpu(*running_, now)) return;
    PutBackCurrent(now);
    Queue(*running_, now);
  }
  running_ = waiting_.front();
  if (running_ == nullptr) return;
  waiting_.Remove(*running_);
  running_->Refill(now, period());
  virtual_now_ = std::max(virtual_now_, running_->virtual_time_);
  charged_until_ = std::max(charged_until_, now);
  group_slice_end_ = now + GroupSlice();
}

Thread* Scheduler::Choose(uint64_t now) {
  settled_.store(true, std::memory_order_relaxed);
  ChooseGroup(now);
  if (running_ == nullptr) return nullptr;
  const int highest = running_->HighestReady();
  if (current_ != nullptr) {
    const int priority = static_cast<int>(current_->priority);
    const bool over = now >= slice_end_;
    if (highest < priority || (highest == priority && !over)) {
      // Alone with its priority: a new slice, so that a newcomer does not take over at once.
      if (over) slice_end_ = now + slice_;
      return current_;
    }
    PutBackCurrent(now);
  }
  current_ = running_->ready_[static_cast<uint32_t>(highest)].front();
  running_->Dequeue(*current_);
  slice_end_ = now + (current_->slice_left != 0 ? current_->slice_left : slice_);
  current_->slice_left = 0;
  // It may have become ready after the caller looked at the clock.
  if (current_->vcpu != nullptr && now > current_->ready_since) {
    current_->stolen += now - current_->ready_since;
  }
  return current_;
}

uint64_t Scheduler::NextChange() const {
  uint64_t next = parked_.front() != nullptr ? parked_.front()->period_end_ : abi::kNever;
  if (current_ == nullptr) return next;
  if (waiting_.front() != nullptr && running_->weight_ != BudgetGroup::kFirst) {
    next = std::min(next, group_slice_end_);
  }
  if (running_->HighestReady() >= static_cast<int>(current_->priority)) {
    next = std::min(next, slice_end_);
  }
  return std::min(next, running_->ExhaustedAt(charged_until_));
}

}  // namespace bulkhead
