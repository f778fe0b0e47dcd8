// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// The hypervisor's main loop, and where the architecture enters the core.

#include <algorithm>

#include "arch/log.h"
#include "arch/upcalls.h"
#include "base/format.h"
#include "hypervisor/calls.h"
#include "hypervisor/machine.h"
#include "hypervisor/node.h"

namespace bulkhead {

namespace {

// At most this much cleaning up before a thread runs; a step is a few microseconds.
constexpr int kReaperSteps = 8;

}  // namespace

Thread* ChooseThread(Node& node, uint64_t now) {
  Cpu& cpu = node.cpu;
  for (int i = 0; i < kReaperSteps && !node.reaper.idle(); ++i) node.reaper.Step(node);
  if (cpu.timeouts.Next() <= now) HandleDueTimeouts(node, now);
  Thread* thread = cpu.scheduler.Choose(now);
  uint64_t next = std::min(cpu.scheduler.NextChange(), cpu.timeouts.Next());
  // A thread that never enters the hypervisor must not keep it from cleaning up.
  if (!node.reaper.idle()) next = std::min(next, now + cpu.scheduler.slice());
  arch::SetTimer(cpu.arch, next);
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

void RunGuest(Node& node, Thread& thread) {
  Vcpu& vcpu = *thread.vcpu;
  if (thread.stolen != 0) ShowStolenTime(thread, vcpu);
  const arch::RunOutcome outcome = vcpu.arch.Run(node.cpu.arch, *vcpu.state);
  // Whatever made the guest leave: one that never gets to run an instruction (an exception within
  // its own delivery, a timer that fires again before it has halted) would otherwise keep
  // interrupts off the CPU for ever. With an exit, user mode follows and takes them.
  if (outcome != arch::RunOutcome::kExit) arch::TakeInterrupts();
  switch (outcome) {
    case arch::RunOutcome::kExit:
      node.cpu.trace.Add(arch::Now(), TraceKind::kExit, static_cast<uint32_t>(vcpu.state->reason),
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
      Block(node, thread, nullptr, nullptr, vcpu.arch.TimerDeadline());
      break;
  }
}

void Dispatch(Node& node) {
  Cpu& cpu = node.cpu;
  for (;;) {
    Thread* thread = cpu.scheduler.current();
    if (thread == nullptr || !cpu.scheduler.settled() || !node.reaper.idle()) {
      thread = ChooseThread(node, arch::Now());
      if (node.root->end != abi::ProcessEnd::kRunning) Fatal("the supervisor has ended");
      if (thread == nullptr) {
        if (node.reaper.idle()) {
          arch::WaitForInterrupt();
        } else {
          arch::TakeInterrupts();  // cleaning up after a large pod takes long
        }
        continue;
      }
    }
    if (thread->vcpu != nullptr) {
      RunGuest(node, *thread);
      continue;
    }
    if (cpu.space != &thread->process) {
      cpu.space = &thread->process;
      arch::ActivateAddressSpace(thread->process.space.root());
    }
    arch::ResumeUser(cpu.arch, thread->context);
  }
}

namespace arch {

void HandleCall(UserContext& context) {
  Node& node = TheNode();
  Thread& caller = *node.cpu.scheduler.current();
  const CallResult result = DispatchCall(node, caller, context);
  if (!result.pending) {
    context.SetStatus(result.status);
    context.SetResults(result.words[0], result.words[1], result.words[2], result.words[3]);
  }
  Dispatch(node);
}

void HandlePreemption() { Dispatch(TheNode()); }

void HandleUserFault(UserContext& context, uint64_t fault_address) {
  Node& node = TheNode();
  ReportUserFault(node, context, fault_address);
  EndProcess(node, node.cpu.scheduler.current()->process, abi::ProcessEnd::kFaulted,
             context.FaultCode(), fault_address);
  Dispatch(node);
}

void HandleTimer() {
  Node& node = TheNode();
  node.cpu.scheduler.Unsettle();
  HandleDueTimeouts(node, Now());
}

void HandleInterrupt(unsigned vector) {
  Node& node = TheNode();
  const Node::InterruptBinding& binding = node.interrupts[vector % kInterruptCount];
  if (binding.event != nullptr) Signal(node, *binding.event, binding.bits);
}

}  // namespace arch
}  // namespace bulkhead
