// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_HYPERVISOR_SCHEDULER_H_
#define BULKHEAD_HYPERVISOR_SCHEDULER_H_

// Which thread runs. First the group (budget_group.h): the root task's before all others, of the
// rest the one that has had the least for its weight, for a time slice. A group that has used up
// its ceiling is parked until its period is over. Then the group's thread of highest priority,
// those of equal priority in turn for a time slice each. One scheduler a CPU.

#include <atomic>
#include <cstdint>

#include "hypervisor/budget_group.h"
#include "hypervisor/thread.h"

namespace bulkhead {

class Scheduler {
 public:
  static constexpr uint64_t kSlicesPerPeriod = 10;

  // `slice`: how long a group runs while others wait, and a thread while others of its group and
  // priority do, in counter ticks. Ceilings are of a period of kSlicesPerPeriod.
  void Initialize(uint64_t slice);
  uint64_t slice() const { return slice_; }

  // Makes a thread ready. One that has waited goes to the end of its queue.
  void MakeReady(Thread& thread);
  // The thread does not want to run any more: it waits, or it ended.
  void Remove(Thread& thread);
  // All the group's threads have been removed and none becomes ready any more.
  void Forget(const BudgetGroup& group) {
    if (running_ == &group) running_ = nullptr;
  }

  // The thread to run now; null: none. The chosen one keeps the CPU, unless a group that is further
  // behind wakes or a higher priority of its own group is ready, until its slice is over.
  Thread* Choose(uint64_t now);

  // When Choose would choose differently without anybody becoming ready; kNever: never.
  uint64_t NextChange() const;

  Thread* current() const { return current_; }

  // Whether Choose would say what it said last: no thread has become ready or stopped since, and no
  // timer has fired. The short way back after a call or a guest's exit.
  bool settled() const { return settled_.load(std::memory_order_relaxed); }
  // Time has passed: the slice may be over, a wait may have ended.
  void Unsettle() { settled_.store(false, std::memory_order_relaxed); }

 private:
  GroupQueue waiting_;              // for the CPU, by virtual time
  GroupQueue parked_;               // until their period is over, by its end
  BudgetGroup* running_ = nullptr;  // in no queue
  uint64_t virtual_now_ = 0;        // the least virtual time of all that wanted to run; only grows
  uint64_t charged_until_ = 0;      // what `running_` used before this is in its account
  uint64_t slice_ = 0;
  uint64_t group_slice_end_ = 0;
  uint64_t slice_end_ = 0;
  Thread* current_ = nullptr;  // of `running_`
  // Only the CPU itself sets it, only with the node's lock; its timer clears it without.
  std::atomic<bool> settled_ = false;

  uint64_t period() const { return kSlicesPerPeriod * slice_; }
  // What a group that slept may be ahead of those that did not.
  uint64_t wake_credit() const { return slice_ / 4; }

  void Charge(uint64_t now);
  void Queue(BudgetGroup& group, uint64_t now);
  bool HasCredit(const BudgetGroup* group) const;
  uint64_t GroupSlice() const;
  void WakeGroup(BudgetGroup& group, uint64_t now);
  void ChooseGroup(uint64_t now);
  bool KeepsCpu(BudgetGroup& group, uint64_t now);
  void PutBackCurrent(uint64_t now);
};

}  // namespace bulkhead

#endif  // BULKHEAD_HYPERVISOR_SCHEDULER_H_
