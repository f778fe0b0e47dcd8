// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// Making and ending kernel objects.

#include <span>

#include "hypervisor/cross_call.h"
#include "hypervisor/node.h"

namespace bulkhead {

namespace {

BudgetGroup* FindGroup(const Process& process, const Cpu& cpu) {
  BudgetGroup* group = process.groups;
  while (group != nullptr && &group->cpu != &cpu) group = group->next_of_process;
  return group;
}

}  // namespace

void Release(Node& node, Object& object) {
  // The root task's process is never given up.
  if (DropReference(object) && object.owner() != nullptr) node.reaper.AddDead(object);
}

Result<Process*> CreateProcess(Node& node, Process& owner, uint64_t quota_pages) {
  BULKHEAD_RETURN_IF_ERROR(owner.quota.Charge(quota_pages));
  const Result<Process*> made =
      Create<Process>(owner, quota_pages, node.pages, node.next_process_id);
  if (!made.ok()) {
    owner.quota.Refund(quota_pages);
    return made.status();
  }
  Process& process = **made;
  ++node.next_process_id;
  const Status status = process.space.Initialize(process.arena);
  if (status != Status::kOk) {
    process.end = abi::ProcessEnd::kKilled;
    Release(node, process);
    return status;
  }
  arch::ShareKernelHalf(process.space.root());
  return &process;
}

Status SetShare(Process& process, Cpu& cpu, uint32_t weight, uint32_t ceiling) {
  BudgetGroup* group = FindGroup(process, cpu);
  if (group == nullptr) {
    if (process.end != abi::ProcessEnd::kRunning) return Status::kEnded;
    const Result<void*> piece = process.owner()->arena.Allocate(sizeof(BudgetGroup));
    if (!piece.ok()) return piece.status();
    group = new (*piece) BudgetGroup(cpu, weight);
    group->next_of_process = process.groups;
    process.groups = group;
  }
  group->SetShare(weight, ceiling);
  return Status::kOk;
}

Result<Thread*> CreateThread(Node&, Process& owner, Process& process, Cpu& cpu, uint32_t priority) {
  if (process.end != abi::ProcessEnd::kRunning) return Status::kEnded;
  if (process.thread_count >= Process::kMaxThreads) return Status::kQuotaExceeded;
  BudgetGroup* group = FindGroup(process, cpu);
  if (group == nullptr) return Status::kDenied;
  const Result<Thread*> made = Create<Thread>(owner, process, *group, priority);
  if (!made.ok()) return made.status();
  Thread& thread = **made;
  Retain(thread);
  thread.next_in_process = process.threads;
  process.threads = &thread;
  ++process.thread_count;
  return &thread;
}

namespace {

// Ends a thread's wait without making it ready.
void StopWaiting(Node& node, Thread& thread) {
  thread.group.cpu.timeouts.Remove(thread);
  if (thread.queue != nullptr) thread.queue->Remove(thread);
  if (thread.waits_for != nullptr) Release(node, *thread.waits_for);
  thread.waits_for = nullptr;
}

// Whether another CPU runs it, or is about to.
bool RunsElsewhere(const Thread& thread) {
  const Cpu& cpu = thread.group.cpu;
  return &cpu != &ThisCpu() && cpu.scheduler.current() == &thread;
}

void LeaveGuest(Node& node, Thread& thread) {
  Vcpu* vcpu = thread.vcpu;
  if (vcpu == nullptr) return;
  thread.vcpu = nullptr;
  vcpu->runner = nullptr;
  vcpu->arch.Abandon();
  Release(node, *vcpu);
}

void EndThread(Node& node, Thread& thread) {
  if (RunsElsewhere(thread)) {
    // It goes no further than the node's lock, and is buried there.
    thread.state = Thread::State::kDead;
    ++thread.process.stopping;
    Reschedule(thread.group.cpu);
    return;
  }
  if (thread.state == Thread::State::kWaiting) {
    StopWaiting(node, thread);
  } else {
    thread.group.cpu.scheduler.Remove(thread);
  }
  thread.state = Thread::State::kDead;
  LeaveGuest(node, thread);
}

// None of its threads is on a CPU any more.
void FinishEnd(Node& node, Process& process) {
  FlushAddressSpace(node, process);
  for (BudgetGroup* group = process.groups; group != nullptr; group = group->next_of_process) {
    group->cpu.scheduler.Forget(*group);
  }
  // Told once: an event of the process itself would otherwise keep it for ever.
  if (Event* watcher = process.watcher; watcher != nullptr) {
    process.watcher = nullptr;
    Signal(node, *watcher, process.watcher_bits);
    Release(node, *watcher);
  }
  node.reaper.AddEnded(process);
}

}  // namespace

void EndProcess(Node& node, Process& process, abi::ProcessEnd end, uint64_t code,
                uint64_t address) {
  if (process.end != abi::ProcessEnd::kRunning) return;
  process.end = end;
  process.end_code = code;
  process.end_address = address;
  ThisCpu().trace.Add(arch::Now(), TraceKind::kEnd, static_cast<uint32_t>(end), process.id);
  // At most kMaxThreads.
  for (Thread* thread = process.threads; thread != nullptr; thread = thread->next_in_process) {
    EndThread(node, *thread);
  }
  if (process.stopping == 0) FinishEnd(node, process);
}

void Bury(Node& node, Thread& thread) {
  Process& process = thread.process;
  ThisCpu().scheduler.Remove(thread);
  LeaveGuest(node, thread);
  if (--process.stopping == 0) FinishEnd(node, process);
}

void Signal(Node& node, Event& event, uint64_t bits) {
  event.bits |= bits;
  Thread* waiter = event.waiters.front();
  if (waiter == nullptr || event.bits == 0) return;
  waiter->context.SetStatus(Status::kOk);
  waiter->context.SetResults(event.bits);
  event.bits = 0;
  Wake(node, *waiter);
}

void Block(Thread& thread, ThreadQueue* queue, Object* object, uint64_t deadline) {
  Cpu& cpu = thread.group.cpu;
  cpu.scheduler.Remove(thread);
  thread.state = Thread::State::kWaiting;
  if (queue != nullptr) queue->PushBack(thread);
  if (object != nullptr) Retain(*object);
  thread.waits_for = object;
  thread.deadline = deadline;
  cpu.timeouts.Insert(thread);
}

void Wake(Node& node, Thread& thread) {
  StopWaiting(node, thread);
  MakeReady(thread);
}

void MakeReady(Thread& thread) {
  Reschedule(thread.group.cpu);
  thread.group.cpu.scheduler.MakeReady(thread);
}

namespace {

// A vCPU's registers, and what of its interrupts the entry has taken already, are its CPU's while
// that may be running it. What another one has to say it says there.
bool MayRunElsewhere(const Vcpu& vcpu) {
  return vcpu.runner != nullptr && RunsElsewhere(*vcpu.runner);
}

}  // namespace

void InterruptVcpu(Node& node, Vcpu& vcpu, uint64_t interrupt) {
  if (MayRunElsewhere(vcpu)) {
    struct Work {
      Vcpu& vcpu;
      uint64_t interrupt;
    } work = {vcpu, interrupt};
    RunOn(
        vcpu.runner->group.cpu,
        [](Cpu&, void* argument) {
          const auto& [vcpu, interrupt] = *static_cast<Work*>(argument);
          (void)vcpu.arch.Interrupt(interrupt);
        },
        &work);
    return;
  }
  if (vcpu.arch.Interrupt(interrupt) && vcpu.runner != nullptr &&
      vcpu.runner->state == Thread::State::kWaiting) {
    Wake(node, *vcpu.runner);
  }
}

void UnloadVcpu(Vcpu& vcpu) {
  if (vcpu.cpu == nullptr) return;
  RunOn(
      *vcpu.cpu, [](Cpu& cpu, void* argument) { static_cast<Vcpu*>(argument)->arch.Unload(cpu); },
      &vcpu);
  vcpu.cpu = nullptr;
}

void FlushGuestTlbs(VirtualMachine& vm) {
  for (Vcpu* vcpu : vm.vcpus) {
    if (vcpu == nullptr) continue;
    vcpu->arch.FlushGuestTlb();
    // What it runs now, it has left then.
    if (MayRunElsewhere(*vcpu)) RunOn(vcpu->runner->group.cpu, [](Cpu&, void*) {}, nullptr);
  }
}

void FlushAddressSpace(Node& node, Process& process) {
  // Forgetting everything is the cheaper flush for what one call can change.
  for (Cpu* cpu : std::span(node.cpus).first(node.cpu_count)) {
    if (cpu->space != &process) continue;
    RunOn(
        *cpu,
        [](Cpu& cpu, void*) {
          arch::ActivateAddressSpace(arch::KernelRoot());
          cpu.space = nullptr;
        },
        nullptr);
  }
}

void HandleDueTimeouts(Node& node, Cpu& cpu, uint64_t now) {
  while (Thread* thread = cpu.timeouts.TakeDue(now)) {
    // A halted guest looks at its timer itself.
    if (thread->vcpu == nullptr) thread->context.SetStatus(Status::kTimedOut);
    Wake(node, *thread);
  }
}

}  // namespace bulkhead
