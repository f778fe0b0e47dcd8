// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_HYPERVISOR_THREAD_H_
#define BULKHEAD_HYPERVISOR_THREAD_H_

// Threads of user mode, and queues of them.

#include <cstdint>

#include "arch/context.h"
#include "hypervisor/abi/types.h"
#include "hypervisor/object.h"

namespace bulkhead {

class BudgetGroup;
class Channel;
class Event;
class Process;
class ThreadQueue;
class Vcpu;

class Thread : public Object {
 public:
  static constexpr ObjectKind kKind = ObjectKind::kThread;

  enum class State : uint8_t {
    kReady,    // in a queue of the scheduler, or running
    kWaiting,  // for what `queue`, `deadline` or `vcpu` say
    kDead,
  };

  Thread(Process* owner, Process& process, BudgetGroup& group, uint32_t priority)
      : Object(kKind, owner), process(process), group(group), priority(priority) {}

  arch::UserContext context = {};
  Process& process;
  BudgetGroup& group;  // the process's on the CPU where the thread runs
  Thread* next_in_process = nullptr;
  uint32_t priority;
  State state = State::kWaiting;
  uint64_t slice_left = 0;  // counter ticks, if a higher priority cut its slice short

  uint64_t ready_since = 0;  // counter, while it is in a queue of the scheduler
  uint64_t stolen = 0;       // counter ticks that it was ready in vcpu_run and others ran

  // Membership of a queue: the scheduler's, an event's or a channel's.
  ThreadQueue* queue = nullptr;
  Thread* previous = nullptr;
  Thread* next = nullptr;

  // Waiting with a time limit (timeouts.h); kNever: none.
  uint64_t deadline = abi::kNever;
  Thread* earlier = nullptr;
  Thread* later = nullptr;

  // In vcpu_run: runs the guest, not `context`.
  Vcpu* vcpu = nullptr;
  // What it waits for, kept alive meanwhile.
  Object* waits_for = nullptr;

  // A call through a channel that has not been answered.
  uint64_t message[3] = {};
  uint64_t badge = 0;
};

// First in, first out. A thread is in at most one.
class ThreadQueue {
 public:
  bool empty() const { return head_ == nullptr; }
  Thread* front() const { return head_; }
  void PushBack(Thread& thread);
  void PushFront(Thread& thread);
  void Remove(Thread& thread);
  Thread* PopFront();

 private:
  Thread* head_ = nullptr;
  Thread* tail_ = nullptr;
};

}  // namespace bulkhead

#endif  // BULKHEAD_HYPERVISOR_THREAD_H_
