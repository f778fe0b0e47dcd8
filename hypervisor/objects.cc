// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// Making and ending kernel objects.

#include "hypervisor/node.h"

namespace bulkhead {

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

Result<Thread*> CreateThread(Node&, Process& owner, Process& process, uint32_t priority) {
  if (process.end != abi::ProcessEnd::kRunning) return Status::kEnded;
  if (process.thread_count >= Process::kMaxThreads) return Status::kQuotaExceeded;
  const Result<Thread*> made = Create<Thread>(owner, process, priority);
  if (!made.ok()) return made.status();
  Thread& thread = **made;
  Retain(thread);
  thread.next_in_process = process.threads;
  process.threads = &thread;
  ++process.thread_count;
  return &thread;
}

void EndProcess(Node& node, Process& process, abi::ProcessEnd end, uint64_t code,
                uint64_t address) {
  if (process.end != abi::ProcessEnd::kRunning) return;
  process.end = end;
  process.end_code = code;
  process.end_address = address;
  node.cpu.trace.Add(arch::Now(), TraceKind::kEnd, static_cast<uint32_t>(end), process.id);
  // At most kMaxThreads.
  for (Thread* thread = process.threads; thread != nullptr; thread = thread->next_in_process) {
    if (thread->state == Thread::State::kWaiting) {
      Wake(node, *thread);
    }
    node.cpu.scheduler.Remove(*thread);
    thread->state = Thread::State::kDead;
    if (Vcpu* vcpu = thread->vcpu; vcpu != nullptr) {
      thread->vcpu = nullptr;
      vcpu->runner = nullptr;
      vcpu->arch.Abandon();
      Release(node, *vcpu);
    }
  }
  node.cpu.scheduler.Forget(process.group);
  if (node.cpu.space == &process) {
    node.cpu.space = nullptr;
    arch::ActivateAddressSpace(arch::KernelRoot());
  }
  // Told once: an event of the process itself would otherwise keep it for ever.
  if (Event* watcher = process.watcher; watcher != nullptr) {
    process.watcher = nullptr;
    Signal(node, *watcher, process.watcher_bits);
    Release(node, *watcher);
  }
  node.reaper.AddEnded(process);
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

void Block(Node& node, Thread& thread, ThreadQueue* queue, Object* object, uint64_t deadline) {
  node.cpu.scheduler.Remove(thread);
  thread.state = Thread::State::kWaiting;
  if (queue != nullptr) queue->PushBack(thread);
  if (object != nullptr) Retain(*object);
  thread.waits_for = object;
  thread.deadline = deadline;
  node.cpu.timeouts.Insert(thread);
}

void Wake(Node& node, Thread& thread) {
  node.cpu.timeouts.Remove(thread);
  if (thread.queue != nullptr) thread.queue->Remove(thread);
  if (thread.waits_for != nullptr) Release(node, *thread.waits_for);
  thread.waits_for = nullptr;
  node.cpu.scheduler.MakeReady(thread);
}

void InterruptVcpu(Node& node, Vcpu& vcpu, uint64_t interrupt) {
  if (vcpu.arch.Interrupt(interrupt) && vcpu.runner != nullptr &&
      vcpu.runner->state == Thread::State::kWaiting) {
    Wake(node, *vcpu.runner);
  }
}

void HandleDueTimeouts(Node& node, uint64_t now) {
  while (Thread* thread = node.cpu.timeouts.TakeDue(now)) {
    // A halted guest looks at its timer itself.
    if (thread->vcpu == nullptr) thread->context.SetStatus(Status::kTimedOut);
    Wake(node, *thread);
  }
}

}  // namespace bulkhead
