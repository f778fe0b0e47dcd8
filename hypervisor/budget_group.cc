// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "hypervisor/budget_group.h"

#include <algorithm>
#include <bit>

namespace bulkhead {

int BudgetGroup::HighestReady() const {
  return occupied_ == 0 ? -1 : 31 - std::countl_zero(occupied_);
}

void BudgetGroup::Enqueue(Thread& thread, bool front) {
  ThreadQueue& queue = ready_[thread.priority];
  if (front) {
    queue.PushFront(thread);
  } else {
    queue.PushBack(thread);
  }
  occupied_ |= 1u << thread.priority;
}

void BudgetGroup::Dequeue(Thread& thread) {
  ThreadQueue& queue = ready_[thread.priority];
  queue.Remove(thread);
  if (queue.empty()) occupied_ &= ~(1u << thread.priority);
}

void BudgetGroup::Spend(uint64_t ticks) {
  used_ += ticks;
  if (weight_ == kFirst) return;
  // At 5 GHz and weight 1 it is a century until this overflows.
  const uint64_t whole = carry_ + ticks;
  virtual_time_ += whole / weight_;
  carry_ = whole % weight_;
  if (ceiling_ != 0) budget_ -= static_cast<int64_t>(ticks);
}

void BudgetGroup::Refill(uint64_t now, uint64_t period) {
  if (ceiling_ == 0 || now < period_end_) return;
  // Enough for any debt, and a product that does not overflow.
  constexpr uint64_t kMostPeriods = 1024;
  const uint64_t late = now - period_end_;
  const uint64_t periods = std::min(late / period + 1, kMostPeriods);
  const uint64_t share = period * ceiling_ / abi::kWholeCpu;
  budget_ = std::min(static_cast<int64_t>(share), budget_ + static_cast<int64_t>(share * periods));
  // Periods follow each other while they are used; after a pause the next begins with its use.
  period_end_ = (late < period ? period_end_ : now) + period;
}

uint64_t BudgetGroup::ExhaustedAt(uint64_t now) const {
  return ceiling_ == 0 ? abi::kNever : now + static_cast<uint64_t>(std::max<int64_t>(budget_, 0));
}

void BudgetGroup::CatchUp(uint64_t time, uint64_t credit) {
  if (weight_ != kFirst) virtual_time_ = std::max(virtual_time_, time - credit / weight_);
}

void GroupQueue::Insert(BudgetGroup& group, uint64_t key) {
  BudgetGroup* before = head_ != nullptr && key < head_->key_ ? nullptr : tail_;
  while (before != nullptr && before->key_ > key) before = before->previous_;
  BudgetGroup* const after = before != nullptr ? before->next_ : head_;
  group.queue_ = this;
  group.key_ = key;
  group.previous_ = before;
  group.next_ = after;
  (before != nullptr ? before->next_ : head_) = &group;
  (after != nullptr ? after->previous_ : tail_) = &group;
}

void GroupQueue::Remove(BudgetGroup& group) {
  (group.previous_ != nullptr ? group.previous_->next_ : head_) = group.next_;
  (group.next_ != nullptr ? group.next_->previous_ : tail_) = group.previous_;
  group.queue_ = nullptr;
}

}  // namespace bulkhead
