// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_ARCH_X86_64_VIRTUALIZER_H_
#define BULKHEAD_ARCH_X86_64_VIRTUALIZER_H_

// The seam between AMD-V (svm/) and VT-x (vmx/). Which of the two this machine has is found once,
// when the first CPU starts; nothing outside the two folders knows the answer.

#include "arch/cpu.h"
#include "arch/vcpu.h"
#include "base/address.h"
#include "hypervisor/abi/x86_64/vcpu_state.h"

namespace bulkhead::arch {

struct Virtualizer {
  const char* name;

  // Makes what the CPUs share, in kMachinePages zeroed pages that stay its own.
  void (*prepare)(HostPhysical pages);

  // Turns it on on this CPU, which has cpu.pages for it. Returns nullptr, or why it cannot be used
  // and what to do.
  const char* (*enable)(Cpu& cpu);

  // Fills a new vCPU's control structure. `root`: of its machine's nested page tables.
  void (*initialize)(Vcpu& vcpu, HostPhysical root);

  // Vcpu::Run and the control structure's part of Vcpu::Unload.
  RunOutcome (*run)(Vcpu& vcpu, Cpu& cpu, abi::VcpuState& state);
  void (*unload)(Vcpu& vcpu);
};

namespace svm {
bool IsPresent();
extern const Virtualizer kVirtualizer;
}  // namespace svm

namespace vmx {
bool IsPresent();
extern const Virtualizer kVirtualizer;
}  // namespace vmx

// Chooses, and makes what the CPUs share (arch::InitializeMachine).
void PrepareVirtualization(HostPhysical pages);
// Turns it on. kNotSupported: VirtualizationProblem says why.
Status EnableVirtualization(Cpu& cpu);

}  // namespace bulkhead::arch

#endif  // BULKHEAD_ARCH_X86_64_VIRTUALIZER_H_
