// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// The hypervisor's main loop, and where the architecture enters the core.

#include <algorithm>

#include "arch/log.h"
#include "arch/upcalls.h"
#include "base/format.h"
#include "hypervisor/calls.h"
#include "hypervisor/cross_call.h"
#include "hypervisor/machine.h"
#include "hypervisor/node.h"

namespace bulkhead {

namespace {

// At most this much cleaning up before a thread runs; a step is a few microseconds.
constexpr int kReaperSteps = 8;
constexpr int kReaperPauses = 64;

}  // namespace

Thread* ChooseThread(Node& node, Cpu& cpu, uint64_t now) {
  Thread* last = cpu.scheduler.current();
  if (last != nullptr && last->state == Thread::State::kDead) Bury(node, *last);
  for (int i = 0; i < kReaperSteps && !node.reaper.idle(); ++i) node.reaper.Step(node);
  if (cpu.timeouts.Next() <= now) HandleDueTimeouts(node, cpu, now);
  Thread* thread = cpu.scheduler.Choose(now);
  uint64_t next = std::min(cpu.scheduler.NextChange(), cpu.timeouts.Next());
  // A thread that never enters the hypervisor must not keep it from cleaning up.
  if (!node.reaper.idle()) next = std::min(next, now + cpu.scheduler.slice());
  arch::SetTimer(cpu, next);
  return thread;
}

namespace {

void DeliverInterprocessor(Node& node, Vcpu& sender) {
  const auto sent = sender.arch.LastSent();
  for (Vcpu* vcpu : sender.vm.vcpus) {
    if (vcpu != nullptr && vcpu != &sender && vcpu->arch.Receives(sent)) {
      InterruptVcpu(node, *vcpu, sent.interrupt);
    }
  }
}

}  // namespace

// What the guest's thread had to wait for the CPU becomes visible to the guest.
void ShowStolenTime(Thread& thread, Vcpu& vcpu) {
  constexpr uint64_t kNanoseconds = 1'000'000'000;
  vcpu.stolen += thread.stolen;
  thread.stolen = 0;
  if (vcpu.stolen_time == nullptr) return;
  const uint64_t hz = arch::CounterHz();
  const uint64_t total = vcpu.stolen / hz * kNanoseconds + vcpu.stolen % hz * kNanoseconds / hz;
  *static_cast<volatile uint64_t*>(&vcpu.stolen_time->nanoseconds) = total;
}

void RunGuest(Node& node, Cpu& cpu, Thread& thread) {
  Vcpu& vcpu = *thread.vcpu;
  if (vcpu.cpu != &cpu) {
    UnloadVcpu(vcpu);
    // What changed while it ran elsewhere was flushed there.
    vcpu.arch.FlushGuestTlb();
    vcpu.cpu = &cpu;
  }
  if (thread.stolen != 0) ShowStolenTime(thread, vcpu);
  node.lock.Release(cpu);
  const arch::RunOutcome outcome = vcpu.arch.Run(cpu, *vcpu.state);
  // Whatever made the guest leave: one that never gets to run an instruction (an exception within
  // its own delivery, a timer that fires again before it has halted) would otherwise keep
  // interrupts off the CPU for ever. With an exit, user mode follows and takes them.
  if (outcome != arch::RunOutcome::kExit) arch::TakeInterrupts();
  node.lock.Acquire(cpu);
  if (thread.state == Thread::State::kDead) return;  // ended meanwhile, from another CPU
  switch (outcome) {
    case arch::RunOutcome::kExit:
      cpu.trace.Add(arch::Now(), TraceKind::kExit, static_cast<uint32_t>(vcpu.state->reason),
                    vcpu.state->detail);
      thread.vcpu = nullptr;
      vcpu.runner = nullptr;
      Release(node, vcpu);
      thread.context.SetStatus(Status::kOk);
      break;
    case arch::RunOutcome::kInterrupted:
      break;
    case arch::RunOutcome::kInterprocessor:
      DeliverInterprocessor(node, vcpu);
      break;
    case arch::RunOutcome::kHalted:
      if (vcpu.arch.HasPendingInterrupt()) break;  // it came with the halt
      Block(thread, nullptr, nullptr, vcpu.arch.TimerDeadline());
      break;
  }
}

void Dispatch(Node& node, Cpu& cpu) {
  for (;;) {
    Thread* thread = cpu.scheduler.current();
    if (thread == nullptr || !cpu.scheduler.settled() || !node.reaper.idle()) {
      thread = ChooseThread(node, cpu, arch::Now());
      if (node.root->end != abi::ProcessEnd::kRunning) Fatal("the supervisor has ended");
      if (thread == nullptr) {
        const bool idle = node.reaper.idle();
        node.lock.Release(cpu);
        if (idle) {
          arch::WaitForInterrupt();
        } else {
          // Cleaning up after a large pod takes long: others get the lock in between.
          arch::TakeInterrupts();
          for (int i = 0; i < kReaperPauses; ++i) arch::Pause();
        }
        node.lock.Acquire(cpu);
        continue;
      }
    }
    if (thread->vcpu != nullptr) {
      RunGuest(node, cpu, *thread);
      continue;
    }
    if (cpu.space != &thread->process) {
      cpu.space = &thread->process;
      arch::ActivateAddressSpace(thread->process.space.root());
    }
    node.lock.Release(cpu);
    arch::ResumeUser(cpu, thread->context);
  }
}

namespace arch {

void HandleCall(UserContext& context) {
  Node& node = TheNode();
  auto& cpu = ThisCpu();
  node.lock.Acquire(cpu);
  Thread& caller = *cpu.scheduler.current();
  if (caller.state != Thread::State::kDead) [[likely]] {
    const CallResult result = DispatchCall(node, caller, context);
    if (!result.pending) {
      context.SetStatus(result.status);
      context.SetResults(result.words[0], result.words[1], result.words[2], result.words[3]);
    }
  }
  Dispatch(node, cpu);
}

void HandlePreemption() {
  Node& node = TheNode();
  auto& cpu = ThisCpu();
  node.lock.Acquire(cpu);
  Dispatch(node, cpu);
}

void HandleUserFault(UserContext& context, uint64_t fault_address) {
  Node& node = TheNode();
  auto& cpu = ThisCpu();
  node.lock.Acquire(cpu);
  Thread& thread = *cpu.scheduler.current();
  if (thread.state != Thread::State::kDead) {
    ReportUserFault(node, context, fault_address);
    EndProcess(node, thread.process, abi::ProcessEnd::kFaulted, context.FaultCode(), fault_address);
  }
  Dispatch(node, cpu);
}

void HandleTimer() { ThisCpu().scheduler.Unsettle(); }

void HandleInterrupt(unsigned vector) {
  Node& node = TheNode();
  auto& cpu = ThisCpu();
  node.lock.Acquire(cpu);
  const Node::InterruptBinding& binding = node.interrupts[vector % kInterruptCount];
  if (binding.event != nullptr) Signal(node, *binding.event, binding.bits);
  node.lock.Release(cpu);
}

void HandleKick() { ServeCrossCall(ThisCpu()); }

}  // namespace arch
}  // namespace bulkhead
