// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// What a guest can do to leave, one exit after the other (AMD APM 2, appendix C).

#include <algorithm>

#include "arch/vcpu.h"
#include "arch/x86_64/local_apic.h"
#include "arch/x86_64/registers.h"
#include "arch/x86_64/svm/svm.h"
#include "arch/x86_64/svm/vmcb.h"

namespace bulkhead::arch {
namespace {

constexpr unsigned kDebug = 1;
constexpr unsigned kBreakpoint = 3;
constexpr unsigned kOverflow = 4;
constexpr unsigned kUndefinedInstruction = 6;
constexpr unsigned kGeneralProtection = 13;
constexpr unsigned kMachineCheck = 18;
constexpr uint64_t kDr6SingleStep = 1 << 14;

// EXITINFO1 of an I/O exit (AMD APM 2, 15.10.2).
constexpr uint64_t kIoIn = 1 << 0;
constexpr uint64_t kIoString = 1 << 2;
constexpr uint64_t kIoRepeat = 1 << 3;

// EXITINFO1 of a nested page fault: an error code, and whether a page table was meant (AMD APM 2,
// 15.25.6).
constexpr uint64_t kNestedFaultTable = uint64_t{1} << 33;

// abi::MmioInfo, with the event that was being delivered.
uint64_t MmioInfo(uint64_t exit_info1, uint64_t event) {
  return (exit_info1 & (abi::kMmioWrite | abi::kMmioFetch)) |
         ((exit_info1 & kNestedFaultTable) != 0 ? abi::kMmioTable : 0) |
         ((event & kEventValid) != 0 ? abi::kMmioDelivery : 0);
}

// Lengths without prefixes, for processors that do not report the next instruction.
constexpr unsigned kLengthCpuid = 2;
constexpr unsigned kLengthMsr = 2;
constexpr unsigned kLengthHlt = 1;
constexpr unsigned kLengthVmmcall = 3;
constexpr unsigned kLengthXsetbv = 3;
constexpr unsigned kLengthInvd = 2;

}  // namespace

void Vcpu::RaiseException(unsigned vector, uint32_t error, bool has_error) {
  vmcb_->event_injection = vector | kEventException | kEventValid |
                           (has_error ? kEventHasError | uint64_t{error} << 32 : 0);
}

void Vcpu::Advance(unsigned length) {
  vmcb_->rip = svm::HasNextRip() ? vmcb_->next_rip : vmcb_->rip + length;
  vmcb_->interrupt_shadow = 0;
  if ((vmcb_->rflags & (kRflagsTf | kRflagsRf)) != 0) EndInstruction();
}

// The processor does this at the end of each instruction that it carries out itself: breakpoints
// are on again, and a single step traps (AMD APM 2, 3.1.6 and 13.1.4).
void Vcpu::EndInstruction() {
  vmcb_->rflags &= ~kRflagsRf;
  if ((vmcb_->rflags & kRflagsTf) == 0) return;
  vmcb_->dr6 |= kDr6SingleStep;
  RaiseException(kDebug, 0, false);
}

// Delivers the highest pending interrupt, or asks for an exit when the guest can take it.
void Vcpu::DeliverInterrupt() {
  Vmcb& v = *vmcb_;
  uint64_t control =
      v.virtual_interrupt & ~(kVirtualIrq | kVirtualIgnoreTpr | kVirtualPriorityMask);
  const int vector = apic_.Highest();
  const bool wanted = vector >= 0;
  // One that only the task priority holds back: CR8 changes without an exit, so the processor has
  // to compare (AMD APM 2, 15.21.4).
  const int held_back = wanted ? -1 : apic_.HighestHeldBack();
  if (wanted && (v.event_injection & kEventValid) == 0 && (v.rflags & kRflagsIf) != 0 &&
      (v.interrupt_shadow & kInterruptShadow) == 0) {
    v.event_injection = static_cast<uint64_t>(vector) | kEventInterrupt | kEventValid;
    apic_.Accept(vector);
    v.intercept1 &= ~uint32_t{kInterceptVintr};
  } else if (wanted) {
    control |= kVirtualIrq | kVirtualIgnoreTpr | kVirtualPriorityMask;
    v.intercept1 |= kInterceptVintr;
  } else if (held_back >= 0) {
    control |= kVirtualIrq | static_cast<uint64_t>(held_back >> 4) << kVirtualPriorityShift;
    v.intercept1 |= kInterceptVintr;
  } else {
    v.intercept1 &= ~uint32_t{kInterceptVintr};
  }
  v.virtual_interrupt = control;
}

// The guest's task priority, and a timer that ends its run in time.
inline void Vcpu::ArmEntry() {
  Vmcb& v = *vmcb_;
  v.virtual_interrupt = (v.virtual_interrupt & ~kVirtualTprMask) | apic_.task_priority() >> 4;
  const uint64_t deadline = std::min(cpu_->host_deadline, apic_.deadline());
  if (cpu_->armed_deadline != deadline) {
    cpu_->armed_deadline = deadline;
    ProgramTimer(deadline);
  }
}

void Vcpu::PrepareInterrupt(uint64_t now) {
  apic_.Expire(now);
  DeliverInterrupt();
  ArmEntry();
}

void Vcpu::PrepareEntry() {
  const uint64_t now = ReadTsc();
  // The intercept is on while an interrupt waits for the guest to take it.
  const bool waiting = apic_.pending() || (vmcb_->intercept1 & kInterceptVintr) != 0;
  if (now >= apic_.deadline() || waiting) return PrepareInterrupt(now);
  ArmEntry();
}

// EDX:EAX, as WRMSR and XSETBV take it.
inline uint64_t Vcpu::MsrOperand() const {
  return gpr_[abi::kRdx] << 32 | (vmcb_->rax & 0xffffffff);
}

bool Vcpu::Msr(bool write) {
  const auto index = static_cast<uint32_t>(gpr_[abi::kRcx]);
  const uint64_t value = MsrOperand();
  uint64_t result = 0;
  auto access = GuestApic::Access::kDone;
  if (index >= kMsrX2ApicFirst && index <= kMsrX2ApicLast) {
    access = write ? apic_.Write(index, value, Now()) : apic_.Read(index, Now(), &result);
  } else if (index == kMsrTscDeadline) {
    if (write) {
      apic_.WriteTscDeadline(value);
    } else {
      result = apic_.ReadTscDeadline();
    }
  } else if (index == kMsrEfer) {
    constexpr uint64_t kWritable = kEferSce | kEferLme | kEferNxe;
    if (!write) {
      result = vmcb_->efer & ~kEferSvme;
    } else if ((value & ~(kWritable | kEferLma)) != 0 ||
               ((vmcb_->cr0 & kCr0Pg) != 0 && ((value ^ vmcb_->efer) & kEferLme) != 0)) {
      // LME stays as it is while paging is on (AMD APM 2, 3.1.7).
      access = GuestApic::Access::kFault;
    } else {
      vmcb_->efer = (value & kWritable) | (vmcb_->efer & kEferLma) | kEferSvme;
    }
  } else {
    return false;
  }
  if (access == GuestApic::Access::kFault) {
    RaiseException(kGeneralProtection, 0, true);
    return true;
  }
  sending_ = access == GuestApic::Access::kInterprocessor;
  if (!write) {
    vmcb_->rax = result & 0xffffffff;
    gpr_[abi::kRdx] = result >> 32;
  }
  Advance(kLengthMsr);
  return true;
}

bool Vcpu::FastExit() {
  Vmcb& v = *vmcb_;
  const uint64_t code = v.exit_code;
  v.event_injection = 0;
  v.tlb_control = 0;
  // The guest writes CR8 without an exit. It is the upper half of the task priority.
  const auto cr8 = static_cast<uint8_t>(v.virtual_interrupt & 0xf);
  if (cr8 != apic_.task_priority() >> 4) apic_.set_task_priority(static_cast<uint8_t>(cr8 << 4));
  if ((v.exit_interrupt & kEventValid) != 0) return false;
  if (code == kExitMsr) {
    const bool write = (v.exit_info1 & 1) != 0;
    const auto index = static_cast<uint32_t>(gpr_[abi::kRcx]);
    // The two writes that come with every timer interrupt are the most frequent exits of all.
    if (write && index == kMsrX2ApicEoi && MsrOperand() == 0) {
      apic_.EndOfInterrupt();
      Advance(kLengthMsr);
      // With nothing pending before and after it, what the last entry prepared still holds.
      if (!apic_.pending()) return true;
    } else if (write && index == kMsrTscDeadline) {
      apic_.WriteTscDeadline(MsrOperand());
      Advance(kLengthMsr);
    } else if (!Msr(write) || sending_) {
      return false;
    }
  } else if (code == kExitHlt) {
    const uint64_t now = Now();
    if (now >= apic_.deadline()) apic_.Expire(now);
    if (apic_.Highest() < 0 || (v.rflags & kRflagsIf) == 0) return false;
    Advance(kLengthHlt);
  } else if (code != kExitVintr) {
    return false;
  }
  PrepareEntry();
  return true;
}

RunOutcome Vcpu::Leave(abi::VcpuState& state, abi::ExitReason reason, uint64_t detail,
                       uint64_t info, unsigned length, bool system) {
  state.reason = reason;
  state.detail = detail;
  state.info = info;
  state.instruction_length = length != 0 && svm::HasNextRip()
                                 ? static_cast<uint32_t>(vmcb_->next_rip - vmcb_->rip)
                                 : length;
  GiveState(state, system);
  vmcb_->interrupt_shadow = 0;
  in_guest_ = false;
  return RunOutcome::kExit;
}

RunOutcome Vcpu::SendInterrupt() {
  sending_ = false;
  return RunOutcome::kInterprocessor;
}

RunOutcome Vcpu::SlowExit(Cpu&, abi::VcpuState& state) {
  using abi::ExitReason;
  Vmcb& v = *vmcb_;
  const uint64_t code = v.exit_code;

  // An event was being delivered when the guest left: deliver it again. Software interrupts, INT3
  // and INTO are not: their instruction is executed again.
  const uint64_t event = v.exit_interrupt;
  const uint64_t type = event & kEventTypeMask;
  const uint64_t vector = event & kEventVectorMask;
  const bool by_instruction =
      type == kEventSoftware ||
      (type == kEventException && (vector == kBreakpoint || vector == kOverflow));
  if (code != kExitInvalid && (event & kEventValid) != 0 && !by_instruction) {
    v.event_injection = event;
  }
  v.exit_interrupt = 0;
  // FastExit carried the instruction out.
  if (sending_) return SendInterrupt();

  switch (code) {
    case kExitIntr:
    case kExitNmi:
    case kExitSmi:
    case kExitInit:
      // The interrupt is still pending; the caller takes it.
    case kExitVintr:
      return RunOutcome::kInterrupted;
    case kExitHlt:
      if ((v.rflags & kRflagsIf) == 0) {
        return Leave(state, ExitReason::kDeadHalt, 0, 0, kLengthHlt, true);
      }
      Advance(kLengthHlt);
      halted_ = true;
      return RunOutcome::kHalted;
    case kExitMsr: {
      const bool write = (v.exit_info1 & 1) != 0;
      // Reached when an event delivery was cut short; also here, not in the VMM.
      if (Msr(write)) return sending_ ? SendInterrupt() : RunOutcome::kInterrupted;
      return Leave(state, write ? ExitReason::kMsrWrite : ExitReason::kMsrRead,
                   gpr_[abi::kRcx] & 0xffffffff, write ? MsrOperand() : 0, kLengthMsr, false);
    }
    case kExitCpuid:
      return Leave(state, ExitReason::kCpuid, 0, 0, kLengthCpuid, false);
    case kExitVmmcall:
      return Leave(state, ExitReason::kHypercall, 0, 0, kLengthVmmcall, false);
    case kExitIo: {
      const uint64_t info = v.exit_info1;
      const uint64_t width = info >> 4 & 7;
      return Leave(state, ExitReason::kIo, info >> 16 & 0xffff,
                   width | ((info & kIoIn) != 0 ? abi::kIoIn : 0) |
                       ((info & kIoString) != 0 ? abi::kIoString : 0) |
                       ((info & kIoRepeat) != 0 ? abi::kIoRepeat : 0),
                   static_cast<unsigned>(v.exit_info2 - v.rip), (info & kIoString) != 0);
    }
    case kExitNestedFault:
      return Leave(state, ExitReason::kMmio, v.exit_info2, MmioInfo(v.exit_info1, event), 0, true);
    case kExitShutdown:
      return Leave(state, ExitReason::kShutdown, 0, 0, 0, true);
    case kExitInvalid:
      return Leave(state, ExitReason::kInvalidState, code, 0, 0, true);
    case kExitXsetbv: {
      const uint64_t value = MsrOperand();
      // AMD APM 3, XSETBV: x87 always, AVX only with SSE, the AVX-512 parts all or none.
      const bool valid = static_cast<uint32_t>(gpr_[abi::kRcx]) == 0 && v.cpl == 0 &&
                         (value & ~svm::SupportedXcr0()) == 0 && (value & 1) != 0 &&
                         ((value & 4) == 0 || (value & 2) != 0) &&
                         ((value & 0xe0) == 0 || (value & 0xe7) == 0xe7);
      if (valid) {
        xcr0_ = value;
        SetXcr0();
        Advance(kLengthXsetbv);
      } else {
        RaiseException(kGeneralProtection, 0, true);
      }
      return RunOutcome::kInterrupted;
    }
    case kExitInvd:
    case kExitWbinvd:
      // Guests share the caches; memory is coherent without their help.
      Advance(kLengthInvd);
      return RunOutcome::kInterrupted;
    case kExitRdpmc:
      RaiseException(kGeneralProtection, 0, true);
      return RunOutcome::kInterrupted;
    case kExitVmrun:
    case kExitVmload:
    case kExitVmsave:
    case kExitStgi:
    case kExitClgi:
    case kExitSkinit:
    case kExitInvlpga:
    case kExitMonitor:
    case kExitMwait:
    case kExitMwaitArmed:
    case kExitRdpru:
      // Not offered by CPUID.
      RaiseException(kUndefinedInstruction, 0, false);
      return RunOutcome::kInterrupted;
    case kExitException + kDebug:
      RaiseException(kDebug, 0, false);
      return RunOutcome::kInterrupted;
    case kExitException + 17:
      RaiseException(17, 0, true);
      return RunOutcome::kInterrupted;
    case kExitException + kMachineCheck:
      // The machine's, not the guest's: nobody knows how far the damage goes.
      asm volatile("int $18");
      return RunOutcome::kInterrupted;
    default:
      return Leave(state, ExitReason::kUnsupported, code, v.exit_info1, 0, true);
  }
}

extern "C" bool SvmFastExit(Vcpu* vcpu) { return vcpu->FastExit(); }

}  // namespace bulkhead::arch
