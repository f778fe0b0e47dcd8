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
#include "hypervisor/cpu.h"
#include "hypervisor/node_lock.h"
#include "hypervisor/page_allocator.h"
#include "hypervisor/process.h"
#include "hypervisor/reaper.h"
#include "hypervisor/virtual_machine.h"

namespace bulkhead {

struct Node {
  // Of everything here, and of all objects. What a CPU has for itself (Cpu) others touch only with
  // the lock held, and it does itself what it does without.
  NodeLock lock;
  PageAllocator pages;
  Reaper reaper;

  Cpu boot_cpu;
  std::array<Cpu*, abi::kMaxCpus> cpus = {&boot_cpu};  // by index
  uint32_t cpu_count = 1;
  uint32_t next_cpu_area = 1;
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
// What a process may have of a CPU, as BudgetGroup::SetShare takes it. Only where it has a share it
// has threads. The owner of the process pays.
Status SetShare(Process& process, Cpu& cpu, uint32_t weight, uint32_t ceiling);
// Makes a thread for a CPU that is not ready yet. The process keeps a reference until it ends.
// kDenied: it has no share there.
Result<Thread*> CreateThread(Node& node, Process& owner, Process& process, Cpu& cpu,
                             uint32_t priority);

// Ends a process: its threads run no more; as soon as none is on a CPU, whoever watches is told,
// and what it held is given back in steps. Does nothing the second time.
void EndProcess(Node& node, Process& process, abi::ProcessEnd end, uint64_t code, uint64_t address);

// Sets bits, or hands them to the first thread that waits.
void Signal(Node& node, Event& event, uint64_t bits);
// Ends a thread's wait, wherever it waits.
void Wake(Node& node, Thread& thread);
// Makes a thread ready on its CPU, which is told if it is another one.
void MakeReady(Thread& thread);
// Makes the running thread wait in `queue` (null: in none) for `object`, until `deadline`.
void Block(Thread& thread, ThreadQueue* queue, Object* object, uint64_t deadline);

// A thread that has ended, and is still the one that its CPU, this one, was running.
void Bury(Node& node, Thread& thread);

// Makes an interrupt pending in a virtual processor, and wakes it if it is halted.
// `interrupt`: as the architecture's Vcpu::Interrupt takes it.
void InterruptVcpu(Node& node, Vcpu& vcpu, uint64_t interrupt);
// Takes its registers off the CPU where it ran last.
void UnloadVcpu(Vcpu& vcpu);
// The virtual machine's translations have changed: none of its vCPUs uses an old one any more.
void FlushGuestTlbs(VirtualMachine& vm);
// The same for a process; its tables may have gone, too.
void FlushAddressSpace(Node& node, Process& process);

// This CPU's threads whose wait has timed out become ready.
void HandleDueTimeouts(Node& node, Cpu& cpu, uint64_t now);

// Runs threads and guests for ever. With the lock held.
[[noreturn]] void Dispatch(Node& node, Cpu& cpu);
// One turn of it: null if there is nothing to run.
Thread* ChooseThread(Node& node, Cpu& cpu, uint64_t now);
// Runs the guest of a thread in vcpu_run until something else may have to run.
void RunGuest(Node& node, Cpu& cpu, Thread& thread);

}  // namespace bulkhead

#endif  // BULKHEAD_HYPERVISOR_NODE_H_
