// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// What a guest can do to leave (Arm ARM DDI 0487, D1.3.2 and D17.2.37).

#include "arch/aarch64/psci.h"
#include "arch/aarch64/registers.h"
#include "arch/vcpu.h"

namespace bulkhead::arch {
namespace {

constexpr uint32_t kInstructionBytes = 4;
constexpr uint64_t kSmcccVersion1_1 = 0x10001;
constexpr uint64_t kSctlrSpan = 1 << 23;  // clear: PAN is set at an exception

// The guest-physical address of an abort at stage 2; ~0: the processor does not say. HPFAR_EL2 is
// not valid for a permission fault outside a table walk (Arm ARM D17.2.62).
uint64_t FaultAddress(uint64_t esr) {
  if ((esr & kFaultGroupMask) == kFaultPermission && (esr & kFaultTableWalk) == 0) {
    return ~uint64_t{0};
  }
  const uint64_t page = (BULKHEAD_READ_REGISTER(hpfar_el2) & ~uint64_t{0xf}) << 8;
  return page | (BULKHEAD_READ_REGISTER(far_el2) & 0xfff);
}

// Whether an abort is stage 2's: no memory there, or not the right to it.
bool IsStageTwoFault(uint64_t esr) {
  const uint64_t group = esr & kFaultGroupMask;
  return group == kFaultTranslation || group == kFaultPermission;
}

}  // namespace

bool Vcpu::FastExit(bool interrupt) {
  interrupted_ = interrupt;
  if (interrupt) return TakeInterrupt();
  esr_ = BULKHEAD_READ_REGISTER(esr_el2);
  switch (ClassOf(esr_)) {
    case kEcHvc64:
      // The one call whose answer never depends on the machine (Arm DEN0028, 7.2).
      if (gpr_[0] != kSmcccVersion) return false;
      gpr_[0] = kSmcccVersion1_1;
      return true;
    case kEcSystemRegister:
      return (esr_ & (kSysRegMask | kSysRegRead)) == kIccSgi1r && SendInterrupt();
    default:
      return false;
  }
}

// The exception goes to EL1 as if the instruction did not exist (Arm ARM D1.3.1).
void Vcpu::InjectUndefined() {
  BULKHEAD_WRITE_REGISTER(esr_el12, kEsrInstructionLength);  // class 0
  BULKHEAD_WRITE_REGISTER(elr_el12, pc_);
  BULKHEAD_WRITE_REGISTER(spsr_el12, pstate_);
  const uint64_t mode = pstate_ & kPstateModeMask;
  uint64_t vector = 0x400;
  if (mode == kPstateEl1t) vector = 0;
  if (mode == kPstateEl1h) vector = 0x200;
  if ((mode & 0x10) != 0) vector = 0x600;  // AArch32
  pc_ = BULKHEAD_READ_REGISTER(vbar_el12) + vector;
  uint64_t kept = pstate_ & kPstatePan;
  if ((BULKHEAD_READ_REGISTER(sctlr_el12) & kSctlrSpan) == 0) kept |= kPstatePan;
  pstate_ = kept | kPstateDaif | kPstateEl1h;
}

RunOutcome Vcpu::SlowExit(abi::VcpuState& state) {
  using abi::ExitReason;
  if (interrupted_) return RunOutcome::kInterrupted;
  if (sending_) {
    sending_ = false;
    return RunOutcome::kInterprocessor;
  }
  switch (ClassOf(esr_)) {
    case kEcWfx:
      Advance();
      // An interrupt that the guest has masked ends its wait, too.
      if (HoldsInterrupt()) return RunOutcome::kInterrupted;
      halted_ = true;
      return RunOutcome::kHalted;
    case kEcHvc64:
      return Leave(state, ExitReason::kHypercall, 0, 0);
    case kEcSmc64:
      return Leave(state, ExitReason::kHypercall, 0, kInstructionBytes);
    case kEcSystemRegister:
      return Leave(state, ExitReason::kSystemRegister, 0, kInstructionBytes);
    case kEcInstructionAbortLower:
      if (!IsStageTwoFault(esr_)) break;
      return Leave(state, ExitReason::kInstructionAbort, FaultAddress(esr_), 0);
    [[likely]] case kEcDataAbortLower:  // the most frequent exit
      if (!IsStageTwoFault(esr_)) break;
      return Leave(state, ExitReason::kMmio, FaultAddress(esr_), kInstructionBytes);
    case 0x03:  // AArch32 accesses of EL0 to registers that trap
    case 0x05:
    case 0x08:
    case 0x0c:
    case 0x09:  // pointer authentication
    case 0x19:  // SVE
    case 0x1d:  // SME
      // Not offered by the identification registers.
      InjectUndefined();
      return RunOutcome::kInterrupted;
    default:
      break;
  }
  return Leave(state, ExitReason::kUnsupported, 0, 0);
}

extern "C" bool GuestFastExit(Vcpu* vcpu, uint64_t interrupt) {
  return vcpu->FastExit(interrupt != 0);
}

}  // namespace bulkhead::arch
