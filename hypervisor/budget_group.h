// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_HYPERVISOR_BUDGET_GROUP_H_
#define BULKHEAD_HYPERVISOR_BUDGET_GROUP_H_

// What the threads of one process have of a CPU together, and queues of such groups. A process has
// one for each CPU that it may run on.

#include <array>
#include <cstdint>

#include "hypervisor/abi/types.h"
#include "hypervisor/thread.h"

namespace bulkhead {

struct Cpu;
class GroupQueue;

class BudgetGroup {
 public:
  // Goes before all others whenever it has something to run, and nothing is counted against it.
  static constexpr uint32_t kFirst = 0;

  // `weight`: kFirst, or as SetShare takes it.
  BudgetGroup(Cpu& cpu, uint32_t weight) : cpu(cpu), weight_(weight) {}

  Cpu& cpu;
  BudgetGroup* next_of_process = nullptr;

  // `weight`: the group's part among those that want to run, 1 to kWholeCpu. `ceiling`: what it may
  // have at most of a period, in thousandths; 0: everything. A new ceiling holds from the next
  // period.
  void SetShare(uint32_t weight, uint32_t ceiling) {
    weight_ = weight;
    ceiling_ = ceiling;
  }
  // Counter ticks that it has had in all, up to the last switch to another group.
  uint64_t used() const { return used_; }

 private:
  friend class GroupQueue;
  friend class Scheduler;

  // The threads that are ready, without the one that runs.
  int HighestReady() const;  // priority; -1: none
  void Enqueue(Thread& thread, bool front);
  void Dequeue(Thread& thread);

  // The group ran for so many ticks.
  void Spend(uint64_t ticks);
  // Begins a new period if the last one is over. What was overdrawn is missing in it.
  void Refill(uint64_t now, uint64_t period);
  bool exhausted() const { return ceiling_ != 0 && budget_ <= 0; }
  // When it will be if it runs from `now` on; kNever: never.
  uint64_t ExhaustedAt(uint64_t now) const;
  // One that did not want to run has saved nothing: it is at most `credit` ticks behind `time`.
  void CatchUp(uint64_t time, uint64_t credit);

  std::array<ThreadQueue, abi::kPriorities> ready_;
  uint32_t occupied_ = 0;  // bit: that queue is not empty

  uint32_t weight_;
  uint32_t ceiling_ = 0;       // thousandths; 0: none
  uint64_t virtual_time_ = 0;  // ticks used, divided by the weight
  uint64_t carry_ = 0;         // ticks that the division left
  int64_t budget_ = 0;         // ticks left of this period, if there is a ceiling
  uint64_t period_end_ = 0;    // counter
  uint64_t used_ = 0;

  // Membership of a queue of groups.
  GroupQueue* queue_ = nullptr;
  BudgetGroup* previous_ = nullptr;
  BudgetGroup* next_ = nullptr;
  uint64_t key_ = 0;
};

// Groups by ascending key, those with the same one in the order in which they came. Insertion looks
// at those with a greater key, unless all have one: their number is that of pods on this CPU.
class GroupQueue {
 public:
  BudgetGroup* front() const { return head_; }
  void Insert(BudgetGroup& group, uint64_t key);
  void Remove(BudgetGroup& group);

 private:
  BudgetGroup* head_ = nullptr;
  BudgetGroup* tail_ = nullptr;
};

}  // namespace bulkhead

#endif  // BULKHEAD_HYPERVISOR_BUDGET_GROUP_H_
