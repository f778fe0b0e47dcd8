// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// A virtual processor on AMD-V: its control block, and what goes into it and comes out.

#include "arch/x86_64/svm/guest.h"

#include "arch/x86_64/virtualizer.h"

extern "C" void SvmEnter(bulkhead::arch::Vcpu*);

namespace bulkhead::arch::svm {
namespace {

constexpr uint64_t kPatReset = 0x0007040600070406;
constexpr uint32_t kFlushAll = 1;  // TLB_CONTROL (AMD APM 2, 15.16.1): works on every processor
// #DB and #AC can recur for ever inside their own delivery, #MC is the machine's.
constexpr uint32_t kExceptions = 1 << kDebug | 1 << kAlignmentCheck | 1 << kMachineCheck;

// How long an instruction may take until which an interrupt has to wait, emulated on a busy
// machine.
constexpr uint64_t kShadowsPerSecond = 20'000;

// Bits a guest may set; the processor refuses entry for the rest of CR4.
constexpr uint64_t kGuestEfer = kEferSce | kEferLme | kEferLma | kEferNxe;

}  // namespace

void Guest::Initialize(HostPhysical nested_root) {
  Vmcb& v = vmcb();
  v.intercept_exceptions = kExceptions;
  v.intercept1 = kInterceptIntr | kInterceptNmi | kInterceptSmi | kInterceptInit | kInterceptRdpmc |
                 kInterceptCpuid | kInterceptInvd | kInterceptHlt | kInterceptInvlpga |
                 kInterceptIo | kInterceptMsr | kInterceptTaskSwitch | kInterceptShutdown;
  v.intercept2 = kInterceptVmrun | kInterceptVmmcall | kInterceptVmload | kInterceptVmsave |
                 kInterceptStgi | kInterceptClgi | kInterceptSkinit | kInterceptWbinvd |
                 kInterceptMonitor | kInterceptMwait | kInterceptMwaitArmed | kInterceptXsetbv |
                 kInterceptRdpru;
  v.io_map = Raw(IoMap());
  v.msr_map = Raw(MsrMap());
  v.virtual_interrupt = kVirtualMasking;
  v.nested_enable = 1;
  v.nested_cr3 = Raw(nested_root);
  v.efer = kEferSvme;
  v.pat = kPatReset;
  v.rflags = 2;
  v.dr6 = 0xffff0ff0;
  v.dr7 = 0x400;
}

void Guest::Load(Cpu& cpu) {
  if (vcpu_.LoadRegisters(cpu)) {
    vcpu_.host_control_ = cpu.host_control;
    asm volatile("vmsave %%rax" : : "a"(Raw(cpu.host_control)) : "memory");
  }
  if (vcpu_.TakeTag(cpu, AsidCount())) vmcb().asid = vcpu_.tag_;
  vmcb().tlb_control = vcpu_.TakeFlush() ? kFlushAll : 0;
}

// Asks for an exit when the guest can take `vector`; `held_back`: one that only the task priority
// holds back. CR8 changes without an exit, so the processor has to compare (AMD APM 2, 15.21.4).
// Behind STI the exit is a timer's, soon: VMRUN of QEMU forgets the shadow, and an interrupt
// between STI and HLT is one that the guest then sleeps through.
void Guest::RequestWindow(int vector, int held_back) {
  Vmcb& v = vmcb();
  if (InterruptShadow() && (vector >= 0 || held_back >= 0)) {
    vector = held_back = -1;
    const uint64_t soon = ReadTsc() + CounterHz() / kShadowsPerSecond;
    if (vcpu_.cpu_->armed_deadline > soon) {
      vcpu_.cpu_->armed_deadline = soon;
      ProgramTimer(soon);
    }
  }
  uint64_t control =
      v.virtual_interrupt & ~(kVirtualIrq | kVirtualIgnoreTpr | kVirtualPriorityMask);
  v.intercept1 |= kInterceptVintr;
  if (vector >= 0) {
    control |= kVirtualIrq | kVirtualIgnoreTpr | kVirtualPriorityMask;
  } else if (held_back >= 0) {
    control |= kVirtualIrq | static_cast<uint64_t>(held_back >> 4) << kVirtualPriorityShift;
  } else {
    v.intercept1 &= ~uint32_t{kInterceptVintr};
  }
  v.virtual_interrupt = control;
}

void Guest::TakeSystem(const abi::VcpuState& state) {
  Vmcb& v = vmcb();
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
}

void Guest::GiveSystem(abi::VcpuState& state) const {
  const Vmcb& v = vmcb();
  state.cr0 = v.cr0;
  state.cr2 = v.cr2;
  state.cr3 = v.cr3;
  state.efer = efer();
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

RunOutcome Guest::Enter(abi::VcpuState& state) {
  SvmEnter(&vcpu_);
  return SlowExit(state);
}

const Virtualizer kVirtualizer = {
    .name = "AMD-V",
    .prepare = &Prepare,
    .enable = &Enable,
    .initialize = [](Vcpu& vcpu, HostPhysical root) { Guest(vcpu).Initialize(root); },
    .run = [](Vcpu& vcpu, Cpu& cpu, abi::VcpuState& state) { return Guest(vcpu).Run(cpu, state); },
    .unload = [](Vcpu&) {},
};

}  // namespace bulkhead::arch::svm
