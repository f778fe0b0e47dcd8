// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_HYPERVISOR_NODE_H_
#define BULKHEAD_HYPERVISOR_NODE_H_

// The state of the hypervisor: one Node for the machine; in tests, one for each test.

#include <algorithm>
#include <array>
#include <cstdint>
#include <new>
#include <utility>

#include "arch/cpu.h"
#include "hypervisor/abi/types.h"
#include "hypervisor/page_allocator.h"
#include "hypervisor/process.h"
#include "hypervisor/reaper.h"
#include "hypervisor/scheduler.h"
#include "hypervisor/timeouts.h"
#include "hypervisor/trace.h"
#include "hypervisor/virtual_machine.h"

namespace bulkhead {

// Per-CPU data. The architecture's part comes first: GS points there.
struct Cpu {
  arch::Cpu arch = {};
  Scheduler scheduler;
  Timeouts timeouts;
  Trace trace;
  Process* space = nullptr;  // whose address space is active; null: the hypervisor's own
};

struct Node {
  PageAllocator pages;
  Cpu cpu;
  Reaper reaper;
  Process* root = nullptr;
  uint64_t next_process_id = 0;

  // The hypervisor's own memory, which the allocator never had: its image, its first tables.
  struct Range {
    uint64_t start = 0;
    uint64_t length = 0;
  };
  std::array<Range, 2> own = {};
  bool IsOwn(uint64_t start, uint64_t length) const {
    return std::any_of(own.begin(), own.end(), [&](const Range& range) {
      return start < range.start + range.length && range.start < start + length;
    });
  }

  struct InterruptBinding {
    Event* event = nullptr;  // kept alive
    uint64_t bits = 0;
  };
  std::array<InterruptBinding, arch::kInterruptCount> interrupts = {};
};

// Makes an object charged to `owner`, with one reference: the caller's.
template <typename T, typename... Arguments>
Result<T*> Create(Process& owner, Arguments&&... arguments) {
  const Result<void*> piece = owner.arena.Allocate(sizeof(T));
  if (!piece.ok()) return piece.status();
  Retain(owner);
  return new (*piece) T(&owner, std::forward<Arguments>(arguments)...);
}

// Gives up a reference.
void Release(Node& node, Object& object);

// Makes a process with its address space; `owner` pays. The reference is the caller's.
Result<Process*> CreateProcess(Node& node, Process& owner, uint64_t quota_pages);
// Makes a thread that is not ready yet. The process keeps a reference until it ends.
Result<Thread*> CreateThread(Node& node, Process& owner, Process& process, uint32_t priority);

// Ends a process: its threads run no more, whoever watches is told, what it held is given back
// in steps. Does nothing the second time.
void EndProcess(Node& node, Process& process, abi::ProcessEnd end, uint64_t code, uint64_t address);

// Sets bits, or hands them to the first thread that waits.
void Signal(Node& node, Event& event, uint64_t bits);
// Ends a thread's wait, wherever it waits.
void Wake(Node& node, Thread& thread);
// Makes the running thread wait in `queue` (null: in none) for `object`, until `deadline`.
void Block(Node& node, Thread& thread, ThreadQueue* queue, Object* object, uint64_t deadline);

// Makes an interrupt pending in a virtual processor, and wakes it if it is halted.
// `interrupt`: as the architecture's Vcpu::Interrupt takes it.
void InterruptVcpu(Node& node, Vcpu& vcpu, uint64_t interrupt);

// Threads whose wait has timed out become ready.
void HandleDueTimeouts(Node& node, uint64_t now);

// Runs threads and guests for ever.
[[noreturn]] void Dispatch(Node& node);
// One turn of it: false if there is nothing to run.
Thread* ChooseThread(Node& node, uint64_t now);
// Runs the guest of a thread in vcpu_run until something else may have to run.
void RunGuest(Node& node, Thread& thread);

}  // namespace bulkhead

#endif  // BULKHEAD_HYPERVISOR_NODE_H_
