// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// A virtual processor on AMD-V: entry, registers, and the state that exits do not switch.

#include "arch/vcpu.h"

#include <algorithm>
#include <cstddef>
#include <cstring>

#include "arch/paging.h"
#include "arch/x86_64/local_apic.h"
#include "arch/x86_64/registers.h"
#include "arch/x86_64/svm/svm.h"
#include "arch/x86_64/svm/vmcb.h"
#include "base/read_once.h"

extern "C" void SvmEnter(bulkhead::arch::Vcpu*);

namespace bulkhead::arch {
namespace {

constexpr uint64_t kPatReset = 0x0007040600070406;
constexpr uint32_t kFlushAll = 1;  // TLB_CONTROL (AMD APM 2, 15.16.1): works on every processor
// #DB and #AC can recur for ever inside their own delivery, #MC is the machine's.
constexpr uint32_t kExceptions = 1 << 1 | 1 << 17 | 1 << 18;

// Bits a guest may set; the processor refuses entry for the rest of CR4.
constexpr uint64_t kGuestEfer = kEferSce | kEferLme | kEferLma | kEferNxe;

void SaveVectorState(void* area) {
  asm volatile("xsave64 (%0)" : : "r"(area), "a"(~0), "d"(~0) : "memory");
}
void RestoreVectorState(void* area) {
  // AMD processors restore where the last x87 instruction was only when an exception is pending
  // (AMD APM 2, 11.5.10): loading something overwrites what the guest before left there.
  static constexpr uint32_t kZero = 0;
  asm volatile("fnclex; emms; fildl %0" : : "m"(kZero));
  asm volatile("xrstor64 (%0)" : : "r"(area), "a"(~0), "d"(~0) : "memory");
}

// CR0.TS is set in the hypervisor: nothing of its own ever uses vector registers.
class VectorAccess {
 public:
  VectorAccess() { asm volatile("clts"); }
  ~VectorAccess() { WriteCr0(ReadCr0() | kCr0Ts); }
  VectorAccess(const VectorAccess&) = delete;
  VectorAccess& operator=(const VectorAccess&) = delete;
};

}  // namespace

void Vcpu::Initialize(uint32_t id, std::span<const HostPhysical> pages, HostPhysical nested_root,
                      VmTag&, abi::VcpuState&) {
  const HostPhysical vmcb = pages[0];
  const HostPhysical vector_state = pages[1];
  id_ = id;
  apic_ = GuestApic(id);
  vmcb_physical_ = vmcb;
  vmcb_ = ToPointer<Vmcb>(vmcb);
  vector_state_ = ToPointer(vector_state);
  // The state after FNINIT and with MXCSR as after reset (AMD APM 2, 14.1.3).
  auto* legacy = static_cast<uint8_t*>(vector_state_);
  const uint16_t control_word = 0x037f;
  const uint32_t mxcsr = 0x1f80;
  std::memcpy(legacy, &control_word, sizeof(control_word));
  std::memcpy(legacy + 24, &mxcsr, sizeof(mxcsr));
  const uint64_t present = 3;
  std::memcpy(legacy + 512, &present, sizeof(present));

  Vmcb& v = *vmcb_;
  v.intercept_exceptions = kExceptions;
  v.intercept1 = kInterceptIntr | kInterceptNmi | kInterceptSmi | kInterceptInit | kInterceptRdpmc |
                 kInterceptCpuid | kInterceptInvd | kInterceptHlt | kInterceptInvlpga |
                 kInterceptIo | kInterceptMsr | kInterceptTaskSwitch | kInterceptShutdown;
  v.intercept2 = kInterceptVmrun | kInterceptVmmcall | kInterceptVmload | kInterceptVmsave |
                 kInterceptStgi | kInterceptClgi | kInterceptSkinit | kInterceptWbinvd |
                 kInterceptMonitor | kInterceptMwait | kInterceptMwaitArmed | kInterceptXsetbv |
                 kInterceptRdpru;
  v.io_map = Raw(svm::IoMap());
  v.msr_map = Raw(svm::MsrMap());
  v.virtual_interrupt = kVirtualMasking;
  v.nested_enable = 1;
  v.nested_cr3 = Raw(nested_root);
  v.efer = kEferSvme;
  v.pat = kPatReset;
  v.rflags = 2;
  v.dr6 = 0xffff0ff0;
  v.dr7 = 0x400;
}

void Vcpu::SetXcr0() { WriteXcr0(xcr0_); }

void Vcpu::Load(Cpu& cpu) {
  if (cpu.loaded_vcpu != this) {
    if (cpu.loaded_vcpu != nullptr) cpu.loaded_vcpu->Unload(cpu);
    const VectorAccess access;
    // All components, also those this guest has not turned on: nothing of another guest stays.
    WriteXcr0(svm::SwitchedXcr0());
    RestoreVectorState(vector_state_);
    WriteXcr0(xcr0_);
    WriteDr0(debug_address_[0]);
    WriteDr1(debug_address_[1]);
    WriteDr2(debug_address_[2]);
    WriteDr3(debug_address_[3]);
    WriteMsr(kMsrTscAux, tsc_aux_);
    cpu.loaded_vcpu = this;
    cpu_ = &cpu;
    host_vmcb_ = cpu.host_vmcb;
    asm volatile("vmsave %%rax" : : "a"(Raw(cpu.host_vmcb)) : "memory");
  }
  if (asid_generation_ != cpu.asid_generation) {
    if (cpu.next_asid >= svm::AsidCount()) {
      ++cpu.asid_generation;
      cpu.next_asid = 1;
      flush_ = true;
    }
    asid_generation_ = cpu.asid_generation;
    vmcb_->asid = cpu.next_asid++;
  }
  vmcb_->tlb_control = flush_ ? kFlushAll : 0;
  flush_ = false;
}

void Vcpu::Unload(Cpu& cpu) {
  if (cpu.loaded_vcpu != this) return;
  const VectorAccess access;
  // Not every processor intercepts XSETBV (QEMU's does not): the guest may have changed it itself.
  xcr0_ = ReadXcr0();
  WriteXcr0(svm::SwitchedXcr0());
  SaveVectorState(vector_state_);
  debug_address_[0] = ReadDr0();
  debug_address_[1] = ReadDr1();
  debug_address_[2] = ReadDr2();
  debug_address_[3] = ReadDr3();
  tsc_aux_ = ReadMsr(kMsrTscAux);
  cpu.loaded_vcpu = nullptr;
  asid_generation_ = 0;
  cpu_ = nullptr;
}

void Vcpu::TakeState(abi::VcpuState& state) {
  Vmcb& v = *vmcb_;
  // The guest's own registers can hurt nobody else. The processor checks the rest.
#pragma unroll
  for (size_t i = 0; i < abi::kGprCount; ++i) gpr_[i] = ReadOnce(state.gpr[i]);
  v.rax = gpr_[abi::kRax];
  v.rsp = gpr_[abi::kRsp];
  const uint64_t rip = ReadOnce(state.rip);
  const bool completed = rip != v.rip;
  v.rip = rip;
  v.rflags = ReadOnce(state.rflags) | 2;
  if (completed && (v.rflags & (kRflagsTf | kRflagsRf)) != 0) EndInstruction();
  const uint32_t inject = ReadOnce(state.inject);
  if ((inject & abi::kInjectValid) != 0) {
    RaiseException(inject & 0x1f, ReadOnce(state.inject_error),
                   (inject & abi::kInjectHasError) != 0);
    state.inject = 0;
  }
  if ((ReadOnce(state.dirty) & abi::kDirtySystem) == 0) return;
  state.dirty = 0;
  v.cr0 = ReadOnce(state.cr0);
  v.cr2 = ReadOnce(state.cr2);
  v.cr3 = ReadOnce(state.cr3);
  v.cr4 = ReadOnce(state.cr4);
  v.efer = (ReadOnce(state.efer) & kGuestEfer) | kEferSvme;
  v.cs = ReadOnce(state.cs);
  v.ds = ReadOnce(state.ds);
  v.es = ReadOnce(state.es);
  v.fs = ReadOnce(state.fs);
  v.gs = ReadOnce(state.gs);
  v.ss = ReadOnce(state.ss);
  v.tr = ReadOnce(state.tr);
  v.ldtr = ReadOnce(state.ldtr);
  v.gdtr = ReadOnce(state.gdtr);
  v.idtr = ReadOnce(state.idtr);
  v.cpl = static_cast<uint8_t>(ReadOnce(state.cpl) & 3);
  v.tsc_offset = ReadOnce(state.tsc_offset);
  apic_.set_tsc_offset(v.tsc_offset);
}

void Vcpu::GiveState(abi::VcpuState& state, bool system) {
  const Vmcb& v = *vmcb_;
  gpr_[abi::kRax] = v.rax;
  gpr_[abi::kRsp] = v.rsp;
  std::memcpy(state.gpr, gpr_, sizeof(gpr_));
  state.rip = v.rip;
  state.rflags = v.rflags;
  state.cr4 = v.cr4;
  state.xcr0 = ReadXcr0();
  if (!system) return;
  state.cr0 = v.cr0;
  state.cr2 = v.cr2;
  state.cr3 = v.cr3;
  state.efer = v.efer & ~kEferSvme;
  state.cs = v.cs;
  state.ds = v.ds;
  state.es = v.es;
  state.fs = v.fs;
  state.gs = v.gs;
  state.ss = v.ss;
  state.tr = v.tr;
  state.ldtr = v.ldtr;
  state.gdtr = v.gdtr;
  state.idtr = v.idtr;
  state.cpl = v.cpl;
  state.tsc_offset = v.tsc_offset;
}

RunOutcome Vcpu::Run(Cpu& cpu, abi::VcpuState& state) {
  if (!in_guest_) {
    TakeState(state);
    in_guest_ = true;
  }
  if (halted_) {
    apic_.Expire(Now());
    if (apic_.Highest() < 0) return RunOutcome::kHalted;
    halted_ = false;
  }
  Load(cpu);
  PrepareEntry();
  SvmEnter(this);
  vmcb_->tlb_control = 0;
  return SlowExit(cpu, state);
}

}  // namespace bulkhead::arch
