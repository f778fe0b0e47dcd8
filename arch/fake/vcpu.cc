// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "arch/vcpu.h"

#include <bit>

#include "arch/machine.h"

namespace bulkhead::arch {

void Vcpu::Initialize(uint32_t id, std::span<const HostPhysical> pages, HostPhysical root, VmTag&,
                      abi::VcpuState&) {
  id_ = id;
  control_ = ToPointer<uint64_t>(pages[0]);
  registers_ = ToPointer<uint64_t>(pages[1]);
  root_ = root;
}

RunOutcome Vcpu::Run(Cpu& cpu, abi::VcpuState& state) {
  if (!in_guest_) ++states_taken_;
  in_guest_ = true;
  if (halted_) {
    TimerFired(Now());
    if (!HasPendingInterrupt()) return RunOutcome::kHalted;
    halted_ = false;
  }
  if (cpu.loaded_vcpu != this) {
    if (cpu.loaded_vcpu != nullptr) cpu.loaded_vcpu->Unload(cpu);
    cpu.loaded_vcpu = this;
  }
  ++control_[0];
  const fake::Guest& guest = fake::TheMachine().guest;
  const RunOutcome outcome = guest ? guest(*this, state) : RunOutcome::kExit;
  halted_ = outcome == RunOutcome::kHalted;
  if (outcome == RunOutcome::kExit) {
    ++exits_;
    in_guest_ = false;
  }
  return outcome;
}

void Vcpu::Unload(Cpu& cpu) {
  if (cpu.loaded_vcpu != this) return;
  ++registers_[0];
  cpu.loaded_vcpu = nullptr;
}

bool Vcpu::Interrupt(uint64_t vector) {
  const uint64_t bit = uint64_t{1} << (vector % 64);
  const bool fresh = (pending_[vector / 64] & bit) == 0;
  pending_[vector / 64] |= bit;
  return fresh;
}

bool Vcpu::HasPendingInterrupt() const {
  return (pending_[0] | pending_[1] | pending_[2] | pending_[3]) != 0;
}

void Vcpu::TimerFired(uint64_t now) {
  if (now < deadline_) return;
  deadline_ = ~uint64_t{0};
  Interrupt(kTimerVector);
}

int Vcpu::TakeInterrupt() {
  for (int word = 3; word >= 0; --word) {
    if (pending_[word] == 0) continue;
    const int bit = 63 - std::countl_zero(pending_[word]);
    pending_[word] &= ~(uint64_t{1} << bit);
    return word * 64 + bit;
  }
  return -1;
}

const char* VirtualizationProblem() {
  return fake::TheMachine().virtualization ? nullptr : "the test turned it off";
}

}  // namespace bulkhead::arch
