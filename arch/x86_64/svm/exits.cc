// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// What a guest can do to leave, one exit after the other (AMD APM 2, appendix C).

#include "arch/x86_64/svm/guest.h"

namespace bulkhead::arch::svm {
namespace {

// EXITINFO1 of an I/O exit (AMD APM 2, 15.10.2).
constexpr uint64_t kIoIn = 1 << 0;
constexpr uint64_t kIoString = 1 << 2;
constexpr uint64_t kIoRepeat = 1 << 3;

// EXITINFO1 of an MSR exit (AMD APM 2, 15.11).
bool IsMsrWrite(const Vmcb& v) { return (v.exit_info1 & 1) != 0; }

// EXITINFO1 of a nested page fault: an error code, and whether a page table was meant (AMD APM 2,
// 15.25.6).
constexpr uint64_t kNestedFaultTable = uint64_t{1} << 33;

// abi::MmioInfo, with the event that was being delivered.
uint64_t MmioInfo(uint64_t exit_info1, uint64_t event) {
  return (exit_info1 & (abi::kMmioWrite | abi::kMmioFetch)) |
         ((exit_info1 & kNestedFaultTable) != 0 ? abi::kMmioTable : 0) |
         ((event & kEventValid) != 0 ? abi::kMmioDelivery : 0);
}

}  // namespace

bool Guest::FastExit() {
  Vmcb& v = vmcb();
  v.event_injection = 0;
  v.tlb_control = 0;
  // The guest writes CR8 without an exit. It is the upper half of the task priority.
  const auto cr8 = static_cast<uint8_t>(v.virtual_interrupt & 0xf);
  GuestApic& apic = vcpu_.apic_;
  if (cr8 != apic.task_priority() >> 4) apic.set_task_priority(static_cast<uint8_t>(cr8 << 4));
  if ((v.exit_interrupt & kEventValid) != 0) return false;
  switch (v.exit_code) {
    case kExitMsr:
      return FastMsr(IsMsrWrite(v));
    case kExitHlt:
      return FastHalt(*this);
    case kExitVintr:
      PrepareEntry();
      return true;
    default:
      return false;
  }
}

RunOutcome Guest::Io(abi::VcpuState& state) {
  const uint64_t info = vmcb().exit_info1;
  const uint64_t width = info >> 4 & 7;
  // EXITINFO2: the address of the next instruction.
  return Leave(state, abi::ExitReason::kIo, info >> 16 & 0xffff,
               width | ((info & kIoIn) != 0 ? abi::kIoIn : 0) |
                   ((info & kIoString) != 0 ? abi::kIoString : 0) |
                   ((info & kIoRepeat) != 0 ? abi::kIoRepeat : 0),
               static_cast<unsigned>(vmcb().exit_info2 - vmcb().rip), (info & kIoString) != 0);
}

RunOutcome Guest::SlowExit(abi::VcpuState& state) {
  using abi::ExitReason;
  Vmcb& v = vmcb();
  const uint64_t code = v.exit_code;
  // QEMU writes only the lower half of it.
  if (static_cast<uint32_t>(code) == static_cast<uint32_t>(kExitInvalid)) {
    return Refused(state, kExitInvalid);
  }
  DeliverAgain(static_cast<uint32_t>(v.exit_interrupt),
               static_cast<uint32_t>(v.exit_interrupt >> 32));

  switch (code) {
    case kExitIntr:
    case kExitNmi:
    case kExitSmi:
    case kExitInit:
      // The interrupt is still pending; the caller takes it.
    case kExitVintr:
      return RunOutcome::kInterrupted;
    case kExitIret:
      // It is still to be executed. What comes before its end is kept back as by STI.
      vcpu_.nmi_blocked_ = false;
      v.intercept1 &= ~uint32_t{kInterceptIret};
      v.interrupt_shadow |= kInterruptShadow;
      return RunOutcome::kInterrupted;
    case kExitHlt:
      return Halt(state);
    case kExitMsr:
      return MsrExit(state, IsMsrWrite(v));
    case kExitCpuid:
      return Leave(state, ExitReason::kCpuid, 0, 0, kLengthCpuid, false);
    case kExitVmmcall:
      return Leave(state, ExitReason::kHypercall, 0, 0, kLengthHypercall, false);
    case kExitIo:
      return Io(state);
    case kExitNestedFault:
      return Leave(state, ExitReason::kMmio, v.exit_info2, MmioInfo(v.exit_info1, v.exit_interrupt),
                   0, true);
    case kExitShutdown:
      return Leave(state, ExitReason::kShutdown, 0, 0, 0, true);
    case kExitXsetbv:
      return Xsetbv();
    case kExitInvd:
    case kExitWbinvd:
      return CacheFlush();
    case kExitRdpmc:
      RaiseException(kGeneralProtection, 0);
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
      return Undefined();
    case kExitException + kDebug:
      RaiseException(kDebug);
      return RunOutcome::kInterrupted;
    case kExitException + kAlignmentCheck:
      RaiseException(kAlignmentCheck, 0);
      return RunOutcome::kInterrupted;
    case kExitException + kMachineCheck:
      // The machine's, not the guest's: nobody knows how far the damage goes.
      asm volatile("int $18");
      return RunOutcome::kInterrupted;
    default:
      return Leave(state, ExitReason::kUnsupported, code, v.exit_info1, 0, true);
  }
}

extern "C" bool SvmFastExit(Vcpu* vcpu) { return Guest(*vcpu).FastExit(); }

}  // namespace bulkhead::arch::svm
