// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// What a guest can do to leave, one exit after the other (Intel SDM 3C, 28; 3D, appendix C).

#include "arch/x86_64/vmx/guest.h"
#include "hypervisor/abi/x86_64/vmx_errors.h"

namespace bulkhead::arch::vmx {
namespace {

enum Reason : uint16_t {
  kException = 0,  // or NMI
  kExternalInterrupt = 1,
  kTripleFault = 2,
  kInit = 3,
  kWindow = 7,
  kNmiWindow = 8,
  kCpuid = 10,
  kGetsec = 11,
  kHlt = 12,
  kInvd = 13,
  kRdpmc = 15,
  kVmcall = 18,
  kFirstVmxInstruction = 19,  // VMCLEAR
  kLastVmxInstruction = 27,   // VMXON
  kControlRegister = 28,
  kIo = 30,
  kMsrRead = 31,
  kMsrWrite = 32,
  kMwait = 36,
  kMonitor = 39,
  kEptViolation = 48,
  kInvept = 50,
  kPreemptionTimer = 52,
  kInvvpid = 53,
  kWbinvd = 54,
  kXsetbv = 55,
  kVmfunc = 59,
};

// What the qualification of a #DB exit has of DR6 (Intel SDM 3C, 28.2.1).
constexpr uint64_t kDr6Causes = 0x600f;
constexpr uint64_t kDr7GeneralDetect = 1 << 13;
constexpr uint64_t kPendingSingleStep = 1 << 14;
constexpr uint32_t kEventPrivileged = 5 << 8;  // by INT1

// Qualification of an EPT violation (Intel SDM 3C, 28.2.1).
constexpr uint64_t kEptWrite = 1 << 1;
constexpr uint64_t kEptFetch = 1 << 2;
constexpr uint64_t kEptLinear = 1 << 7;      // it comes from a linear address
constexpr uint64_t kEptTranslated = 1 << 8;  // and is its translation, not a table on the way
constexpr uint64_t kNmiUnblocked = 1 << 12;

}  // namespace

bool Guest::FastExit() {
  const uint32_t reason = vmcs_.Read(kExitReason);
  if ((reason & abi::kVmxEntryFailure) != 0) return false;
  vcpu_.launched_ = 1;
  if ((vmcs_.Read(kVectoringEvent) & kEventValid) != 0) return false;
  switch (reason & 0xffff) {
    case kMsrWrite:
      return FastMsr(true);
    case kMsrRead:
      return FastMsr(false);
    case kHlt:
      return FastHalt(*this);
    case kNmiWindow:
      CloseNmiWindow();
      PrepareEntry();
      return true;
    case kWindow:
    case kPreemptionTimer:
      // Of the guest's own timer: the core's has an interrupt of its own.
      if (ReadTsc() >= vcpu_.cpu_->host_deadline) return false;
      PrepareEntry();
      return true;
    default:
      return false;
  }
}

// An IRET that left the guest will be executed again: until then NMIs stay blocked, although it has
// unblocked them (Intel SDM 3C, 28.2.3). Without an event that was being delivered.
void Guest::BlockNmiAgain(bool unblocked) {
  if (!unblocked || (vmcs_.Read(kVectoringEvent) & kEventValid) != 0) return;
  vmcs_.Write(kGuestInterruptibility, vmcs_.Read(kGuestInterruptibility) | kBlockedByNmi);
}

// The exit comes before DR6 and DR7 change.
RunOutcome Guest::Debug(uint32_t event) {
  if ((event & kEventTypeMask) == kEventPrivileged) {
    // INT1: a trap that says nothing in DR6. Raised as an exception it would come again.
    set_rip(rip() + InstructionLength(1));
    ClearInterruptShadow();
  } else {
    WriteDr6((ReadDr6() & ~uint64_t{0xf}) | (vmcs_.Read(kExitQualification) & kDr6Causes));
    vmcs_.Write(kGuestDr7, vmcs_.Read(kGuestDr7) & ~kDr7GeneralDetect);
    // The exit has taken the single step out of the pending ones, and an entry with TF and such a
    // shadow demands it there (Intel SDM 3C, 27.3.1.5).
    if (InterruptShadow() && (rflags() & kRflagsTf) != 0) {
      vmcs_.Write(kGuestPendingDebug, kPendingSingleStep);
    }
  }
  RaiseException(kDebug);
  return RunOutcome::kInterrupted;
}

RunOutcome Guest::Exception(abi::VcpuState& state) {
  const uint32_t event = vmcs_.Read(kExitEvent);
  BlockNmiAgain((event & kNmiUnblocked) != 0);
  const uint32_t vector = event & kEventVectorMask;
  if ((event & kEventTypeMask) == kEventNmi) {
    // The exit took it from the processor; it is the hypervisor's.
    asm volatile("int $2");
    return RunOutcome::kInterrupted;
  }
  if (vector == kMachineCheck) {
    // The machine's, not the guest's: nobody knows how far the damage goes.
    asm volatile("int $18");
    return RunOutcome::kInterrupted;
  }
  if (vector == kDebug) return Debug(event);
  if (vector == kAlignmentCheck) {
    RaiseException(kAlignmentCheck, 0);
    return RunOutcome::kInterrupted;
  }
  return Leave(state, abi::ExitReason::kUnsupported, kException, event, 0, true);
}

// CR8: the upper half of the task priority.
RunOutcome Guest::TaskPriority(bool write, uint32_t gpr) {
  if (!write) {
    const uint64_t value = vcpu_.apic_.task_priority() >> 4;
    if (gpr == abi::kRsp) {
      vmcs_.Write(kGuestRsp, value);
    } else {
      vcpu_.gpr_[gpr] = value;
    }
  } else if (const uint64_t value = Operand(gpr); value > 0xf) {
    RaiseException(kGeneralProtection, 0);
    return RunOutcome::kInterrupted;
  } else {
    vcpu_.apic_.set_task_priority(static_cast<uint8_t>(value << 4));
  }
  Advance(0);
  return RunOutcome::kInterrupted;
}

// Bits that the masks hold back are to change. The guest sees them as it wants from now on, and
// executes its instruction again: with nothing held back any more, the processor does the rest
// (modes, PDPTEs, faults) itself.
RunOutcome Guest::ControlRegister(abi::VcpuState& state) {
  const uint64_t qualification = vmcs_.Read(kExitQualification);
  const uint64_t number = qualification & 0xf;
  const uint64_t access = qualification >> 4 & 3;
  const auto gpr = static_cast<uint32_t>(qualification >> 8 & 0xf);
  if (number == 8) return TaskPriority(access == 0, gpr);
  if (access == 0 && number == 0) {
    const uint64_t value = Operand(gpr);
    if ((value & kCr0Nw) != 0 && (value & kCr0Cd) == 0) {
      // Both are held back: the processor would not notice.
      RaiseException(kGeneralProtection, 0);
    } else {
      vmcs_.Write(kCr0Shadow, value);
    }
    return RunOutcome::kInterrupted;
  }
  if (access == 0 && number == 4) {
    const uint64_t value = Operand(gpr);
    if ((value & ~(kGuestCr4Bits | kCr4Mce)) != 0) {
      RaiseException(kGeneralProtection, 0);
    } else {
      vmcs_.Write(kCr4Shadow, value);
    }
    return RunOutcome::kInterrupted;
  }
  return Leave(state, abi::ExitReason::kUnsupported, kControlRegister, qualification, 0, true);
}

RunOutcome Guest::Io(abi::VcpuState& state) {
  const uint64_t qualification = vmcs_.Read(kExitQualification);
  constexpr uint64_t kIn = 1 << 3;
  constexpr uint64_t kString = 1 << 4;
  constexpr uint64_t kRepeat = 1 << 5;
  const uint64_t width = (qualification & 7) + 1;
  return Leave(state, abi::ExitReason::kIo, qualification >> 16 & 0xffff,
               width | ((qualification & kIn) != 0 ? abi::kIoIn : 0) |
                   ((qualification & kString) != 0 ? abi::kIoString : 0) |
                   ((qualification & kRepeat) != 0 ? abi::kIoRepeat : 0),
               1, (qualification & kString) != 0);
}

RunOutcome Guest::EptViolation(abi::VcpuState& state) {
  const uint64_t qualification = vmcs_.Read(kExitQualification);
  BlockNmiAgain((qualification & kNmiUnblocked) != 0);
  const bool table = (qualification & (kEptLinear | kEptTranslated)) == kEptLinear;
  const bool delivery = (vmcs_.Read(kVectoringEvent) & kEventValid) != 0;
  return Leave(state, abi::ExitReason::kMmio, vmcs_.Read(kGuestPhysicalAddress),
               ((qualification & kEptWrite) != 0 ? abi::kMmioWrite : 0) |
                   ((qualification & kEptFetch) != 0 ? abi::kMmioFetch : 0) |
                   (table ? abi::kMmioTable : 0) | (delivery ? abi::kMmioDelivery : 0),
               0, true);
}

RunOutcome Guest::SlowExit(abi::VcpuState& state) {
  using abi::ExitReason;
  const uint32_t full = vmcs_.Read(kExitReason);
  if ((full & abi::kVmxEntryFailure) != 0) return RefusedEntry(state, full);
  DeliverAgain(vmcs_.Read(kVectoringEvent), vmcs_.Read(kVectoringErrorCode));

  const uint32_t reason = full & 0xffff;
  if (reason >= kFirstVmxInstruction && reason <= kLastVmxInstruction) return Undefined();
  switch (reason) {
    case kException:
      return Exception(state);
    case kExternalInterrupt:
      // The interrupt is still pending; the caller takes it.
    case kInit:
    case kWindow:
    case kPreemptionTimer:
      return RunOutcome::kInterrupted;
    case kTripleFault:
      return Leave(state, ExitReason::kShutdown, 0, 0, 0, true);
    case kCpuid:
      return Leave(state, ExitReason::kCpuid, 0, 0, kLengthCpuid, false);
    case kHlt:
      return Halt(state);
    case kInvd:
    case kWbinvd:
      return CacheFlush();
    case kRdpmc:
      RaiseException(kGeneralProtection, 0);
      return RunOutcome::kInterrupted;
    case kVmcall:
      return Leave(state, ExitReason::kHypercall, 0, 0, kLengthHypercall, false);
    case kControlRegister:
      return ControlRegister(state);
    case kIo:
      return Io(state);
    case kMsrRead:
      return MsrExit(state, false);
    case kMsrWrite:
      return WriteSyscallMsr() ? RunOutcome::kInterrupted : MsrExit(state, true);
    case kEptViolation:
      return EptViolation(state);
    case kXsetbv:
      return Xsetbv();
    case kGetsec:
    case kMwait:
    case kMonitor:
    case kInvept:
    case kInvvpid:
    case kVmfunc:
      return Undefined();
    default:
      return Leave(state, ExitReason::kUnsupported, full, vmcs_.Read(kExitQualification), 0, true);
  }
}

extern "C" bool VmxFastExit(Vcpu* vcpu) { return Guest(*vcpu).FastExit(); }

}  // namespace bulkhead::arch::vmx
