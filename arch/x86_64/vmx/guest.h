// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_ARCH_X86_64_VMX_GUEST_H_
#define BULKHEAD_ARCH_X86_64_VMX_GUEST_H_

// A virtual processor as VT-x runs it: a view of an arch::Vcpu whose control structure is a VMCS.
// But for Initialize, all of it is for the VMCS that Load has made current.

#include <algorithm>
#include <cstdint>

#include "arch/vcpu.h"
#include "arch/x86_64/guest_exits.h"
#include "arch/x86_64/registers.h"
#include "arch/x86_64/vmx/vmcs.h"
#include "arch/x86_64/vmx/vmx.h"

namespace bulkhead::arch::vmx {

// Guest interruptibility (Intel SDM 3C, 25.4.2).
inline constexpr uint32_t kBlockedBySti = 1;
inline constexpr uint32_t kBlockedByStiOrMovSs = 3;
inline constexpr uint32_t kBlockedByNmi = 1 << 3;

// CR4 bits that a guest turns on and off itself: those whose state is in the VMCS or switched. MCE
// is the hypervisor's, and the guest sees its own; other bits it does not have.
inline constexpr uint64_t kGuestCr4Bits = kCr4Vme | kCr4Pvi | kCr4Tsd | kCr4De | kCr4Pse | kCr4Pae |
                                          kCr4Pge | kCr4Pce | kCr4Osfxsr | kCr4Osxmmexcpt |
                                          kCr4Umip | kCr4Fsgsbase | kCr4Pcide | kCr4Osxsave |
                                          kCr4Smep | kCr4Smap | kCr4Pke;

class Guest : public GuestExits<Guest> {
 public:
  explicit Guest(Vcpu& vcpu) : GuestExits(vcpu) {}

  void Initialize(HostPhysical nested_root);
  void Unload();
  // Called between exit and entry, with the guest's SYSCALL registers still on the CPU; false:
  // leave.
  bool FastExit();

  // What GuestExits asks for.
  uint64_t rip() const { return vmcs_.Read(kGuestRip); }
  void set_rip(uint64_t value) { vmcs_.Write(kGuestRip, Wrapped(value)); }
  uint64_t rflags() const { return vmcs_.Read(kGuestRflags); }
  void set_rflags(uint64_t value) { vmcs_.Write(kGuestRflags, value); }
  uint64_t cr0() const { return Visible(kGuestCr0, kCr0Mask, kCr0Shadow); }
  uint64_t cr4() const { return Visible(kGuestCr4, kCr4Mask, kCr4Shadow); }
  uint64_t efer() const { return vmcs_.Read(kGuestEfer); }
  void set_efer(uint64_t value) { vmcs_.Write(kGuestEfer, value); }
  uint64_t rax() const { return vcpu_.gpr_[abi::kRax]; }
  void set_rax(uint64_t value) { vcpu_.gpr_[abi::kRax] = value; }
  uint8_t cpl() const { return vmcs_.Read(kGuestSs.access_rights) >> 5 & 3; }
  void set_tsc_offset(uint64_t value) { vmcs_.Write(kTscOffset, value); }

  bool HasEvent() const { return (vmcs_.Read(kEntryEvent) & kEventValid) != 0; }
  void Inject(uint32_t event, uint32_t error);
  void AddDebugCauses(uint64_t bits) { WriteDr6(ReadDr6() | bits); }
  bool InterruptShadow() const {
    return (vmcs_.Read(kGuestInterruptibility) & kBlockedByStiOrMovSs) != 0;
  }
  void ClearInterruptShadow() {
    const uint32_t state = vmcs_.Read(kGuestInterruptibility);
    if ((state & kBlockedByStiOrMovSs) != 0) {
      vmcs_.Write(kGuestInterruptibility, state & ~kBlockedByStiOrMovSs);
    }
  }
  bool WindowRequested() const { return vcpu_.outside_.window; }
  // CR8 is written with an exit: what it holds back needs no window.
  void RequestWindow(int vector, int) {
    const bool wanted = vector >= 0;
    if (wanted == vcpu_.outside_.window) return;
    vcpu_.outside_.window = wanted;
    vmcs_.Write(kPrimaryControls, vmcs_.Read(kPrimaryControls) ^ kInterruptWindow);
  }

  bool NmiBlocked() const { return (vmcs_.Read(kGuestInterruptibility) & kBlockedByNmi) != 0; }
  void BlockNmi() {}  // the processor does, and IRET unblocks
  void RequestNmiWindow() {
    // Processors need not hold back the exit for an NMI after STI, and this holds back the NMI.
    if ((vmcs_.Read(kGuestInterruptibility) & kBlockedBySti) != 0) return RequestWindow(0xff, -1);
    vmcs_.Write(kPrimaryControls, vmcs_.Read(kPrimaryControls) | kNmiWindowExit);
  }

  uint32_t InstructionLength(unsigned) const { return vmcs_.Read(kExitInstructionLength); }

  // The preemption timer, not the local APIC's: it costs one VMWRITE, and what the core armed for
  // itself stays as it is. It goes before a host interrupt that is pending (Intel SDM 3C, 26.2): a
  // guest with a timer that is always due must not keep those out.
  void Arm(uint64_t now) {
    constexpr uint64_t kLeastRun = 4096;  // counter ticks; an entry takes fewer
    const uint64_t deadline = std::min(vcpu_.cpu_->host_deadline, vcpu_.apic_.deadline());
    const uint64_t left = deadline > now + kLeastRun ? deadline - now : kLeastRun;
    const uint64_t steps = (left >> TheShared().timer_shift) + 1;
    vmcs_.Write(kPreemptionTimerValue,
                static_cast<uint32_t>(std::min<uint64_t>(steps, ~uint32_t{0})));
  }
  void ResumeAsPrepared() { Arm(ReadTsc()); }

  void TakeRegisters(uint64_t rip, uint64_t rflags) {
    vmcs_.Write(kGuestRip, Wrapped(rip));
    vmcs_.Write(kGuestRflags, rflags);
    vmcs_.Write(kGuestRsp, vcpu_.gpr_[abi::kRsp]);
  }
  void SyncRegisters() { vcpu_.gpr_[abi::kRsp] = vmcs_.Read(kGuestRsp); }
  void TakeSystem(const abi::VcpuState& state);
  void GiveSystem(abi::VcpuState& state) const;
  void Load(Cpu& cpu);
  RunOutcome Enter(abi::VcpuState& state);

 private:
  RunOutcome SlowExit(abi::VcpuState& state);
  RunOutcome RefusedEntry(abi::VcpuState& state, uint64_t detail);
  RunOutcome Exception(abi::VcpuState& state);
  RunOutcome Debug(uint32_t event);
  RunOutcome ControlRegister(abi::VcpuState& state);
  RunOutcome TaskPriority(bool write, uint32_t gpr);
  RunOutcome Io(abi::VcpuState& state);
  RunOutcome EptViolation(abi::VcpuState& state);
  bool WriteSyscallMsr();
  void BlockNmiAgain(bool unblocked);
  void CloseNmiWindow() {
    vmcs_.Write(kPrimaryControls, vmcs_.Read(kPrimaryControls) & ~uint32_t{kNmiWindowExit});
  }

  uint64_t Visible(Field64 real, Field64 mask, Field64 shadow) const {
    const uint64_t hidden = vmcs_.Read(mask);
    return (vmcs_.Read(real) & ~hidden) | (vmcs_.Read(shadow) & hidden);
  }
  // Of MOV to a control register.
  uint64_t Operand(uint32_t gpr) const {
    const uint64_t value = gpr == abi::kRsp ? vmcs_.Read(kGuestRsp) : vcpu_.gpr_[gpr];
    return InLongCode() ? value : static_cast<uint32_t>(value);
  }
  bool InLongCode() const {
    constexpr uint32_t kLong = 1 << 13;
    return (efer() & kEferLma) != 0 && (vmcs_.Read(kGuestCs.access_rights) & kLong) != 0;
  }
  // The end of 4 GiB is the last place where 32-bit code can have an instruction; what follows is
  // at zero, and an entry with more fails (Intel SDM 3C, 27.3.1.4).
  uint64_t Wrapped(uint64_t rip) const {
    return rip >> 32 != 1 || InLongCode() ? rip : static_cast<uint32_t>(rip);
  }

  [[no_unique_address]] CurrentVmcs vmcs_;
};

}  // namespace bulkhead::arch::vmx

#endif  // BULKHEAD_ARCH_X86_64_VMX_GUEST_H_
