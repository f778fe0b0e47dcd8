// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// A virtual processor: what does not depend on how the machine runs guests.

#include "arch/vcpu.h"

#include "arch/paging.h"
#include "arch/x86_64/registers.h"
#include "arch/x86_64/vector_state.h"
#include "arch/x86_64/virtualizer.h"

namespace bulkhead::arch {
namespace {

const Virtualizer* g_virtualizer;
const char* g_problem = "not initialized";

}  // namespace

void PrepareVirtualization(HostPhysical pages) {
  g_virtualizer = svm::IsPresent()   ? &svm::kVirtualizer
                  : vmx::IsPresent() ? &vmx::kVirtualizer
                                     : nullptr;
  if (g_virtualizer != nullptr) g_virtualizer->prepare(pages);
}

Status EnableVirtualization(Cpu& cpu) {
  if (g_virtualizer == nullptr) {
    g_problem =
        "this processor has neither AMD-V (SVM) nor VT-x (VMX), or they are hidden from this "
        "machine; in QEMU use -cpu max";
    return Status::kNotSupported;
  }
  const char* problem = g_virtualizer->enable(cpu);
  if (problem == nullptr) problem = FindVectorState();
  if (cpu.index == 0) g_problem = problem;
  cpu.next_tag = 1;
  cpu.tag_generation = 1;
  return problem == nullptr ? Status::kOk : Status::kNotSupported;
}

const char* VirtualizationProblem() { return g_problem; }
const char* VirtualizationName() { return g_virtualizer->name; }

void Vcpu::Initialize(uint32_t id, std::span<const HostPhysical> pages, HostPhysical nested_root,
                      VmTag&, abi::VcpuState& state) {
  id_ = id;
  gpr_ = state.gpr;
  apic_ = GuestApic(id);
  control_physical_ = pages[0];
  control_ = ToPointer(pages[0]);
  vector_state_ = ToPointer(pages[1]);
  InitializeVectorState(vector_state_);
  g_virtualizer->initialize(*this, nested_root);
}

RunOutcome Vcpu::Run(Cpu& cpu, abi::VcpuState& state) {
  return g_virtualizer->run(*this, cpu, state);
}

void Vcpu::SwitchRegisters(Cpu& cpu) {
  if (cpu.loaded_vcpu != nullptr) cpu.loaded_vcpu->Unload(cpu);
  RestoreVectorState(vector_state_, xcr0_);
  WriteDr0(debug_address_[0]);
  WriteDr1(debug_address_[1]);
  WriteDr2(debug_address_[2]);
  WriteDr3(debug_address_[3]);
  WriteMsr(kMsrTscAux, tsc_aux_);
  cpu.loaded_vcpu = this;
  cpu_ = &cpu;
}

void Vcpu::Unload(Cpu& cpu) {
  if (cpu.loaded_vcpu != this) return;
  // Not every processor intercepts XSETBV (QEMU's does not): the guest may have changed it itself.
  xcr0_ = SaveVectorState(vector_state_);
  debug_address_[0] = ReadDr0();
  debug_address_[1] = ReadDr1();
  debug_address_[2] = ReadDr2();
  debug_address_[3] = ReadDr3();
  tsc_aux_ = ReadMsr(kMsrTscAux);
  g_virtualizer->unload(*this);
  cpu.loaded_vcpu = nullptr;
  tag_generation_ = 0;
  cpu_ = nullptr;
}

void Vcpu::TakeNewTag(Cpu& cpu, uint32_t count) {
  if (cpu.next_tag >= count) {
    ++cpu.tag_generation;
    cpu.next_tag = 1;
    flush_ = true;
  }
  tag_generation_ = cpu.tag_generation;
  tag_ = cpu.next_tag++;
}

}  // namespace bulkhead::arch
