// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_ARCH_X86_64_SVM_GUEST_H_
#define BULKHEAD_ARCH_X86_64_SVM_GUEST_H_

// A virtual processor as AMD-V runs it: a view of an arch::Vcpu whose control structure is a VMCB.

#include <algorithm>
#include <cstdint>

#include "arch/vcpu.h"
#include "arch/x86_64/guest_exits.h"
#include "arch/x86_64/local_apic.h"
#include "arch/x86_64/registers.h"
#include "arch/x86_64/svm/svm.h"
#include "arch/x86_64/svm/vmcb.h"

namespace bulkhead::arch::svm {

class Guest : public GuestExits<Guest> {
 public:
  explicit Guest(Vcpu& vcpu) : GuestExits(vcpu) {}

  void Initialize(HostPhysical nested_root);
  // Called between exit and entry, with the guest's segment state still on the CPU; false: leave.
  bool FastExit();

  // What GuestExits asks for.
  uint64_t rip() const { return vmcb().rip; }
  void set_rip(uint64_t value) { vmcb().rip = value; }
  uint64_t rflags() const { return vmcb().rflags; }
  void set_rflags(uint64_t value) { vmcb().rflags = value; }
  uint64_t cr0() const { return vmcb().cr0; }
  uint64_t cr4() const { return vmcb().cr4; }
  uint64_t efer() const { return vmcb().efer & ~kEferSvme; }
  void set_efer(uint64_t value) { vmcb().efer = value | kEferSvme; }
  uint64_t rax() const { return vmcb().rax; }
  void set_rax(uint64_t value) { vmcb().rax = value; }
  uint8_t cpl() const { return vmcb().cpl; }
  void set_tsc_offset(uint64_t value) { vmcb().tsc_offset = value; }

  bool HasEvent() const { return (vmcb().event_injection & kEventValid) != 0; }
  void Inject(uint32_t event, uint32_t error) {
    vmcb().event_injection = event | uint64_t{error} << 32;
  }
  void AddDebugCauses(uint64_t bits) { vmcb().dr6 |= bits; }
  bool InterruptShadow() const { return (vmcb().interrupt_shadow & kInterruptShadow) != 0; }
  void ClearInterruptShadow() { vmcb().interrupt_shadow = 0; }
  bool WindowRequested() const { return (vmcb().intercept1 & kInterceptVintr) != 0; }
  void RequestWindow(int vector, int held_back);

  // The processor does not tell when NMIs are unblocked: the guest's next IRET leaves it.
  bool NmiBlocked() const { return vcpu_.nmi_blocked_; }
  void BlockNmi() {
    vcpu_.nmi_blocked_ = true;
    vmcb().intercept1 |= kInterceptIret;
  }
  // While they are blocked, the IRET is the exit. After it, the first moment for an interrupt.
  void RequestNmiWindow() {
    if (!NmiBlocked()) RequestWindow(0xff, -1);
  }

  uint64_t InstructionLength(unsigned assumed) const {
    return HasNextRip() ? vmcb().next_rip - vmcb().rip : assumed;
  }

  // The guest's task priority goes with it.
  void Arm(uint64_t) {
    Vmcb& v = vmcb();
    v.virtual_interrupt =
        (v.virtual_interrupt & ~kVirtualTprMask) | vcpu_.apic_.task_priority() >> 4;
    const uint64_t deadline = std::min(vcpu_.cpu_->host_deadline, vcpu_.apic_.deadline());
    if (vcpu_.cpu_->armed_deadline != deadline) {
      vcpu_.cpu_->armed_deadline = deadline;
      ProgramTimer(deadline);
    }
  }
  void ResumeAsPrepared() {}

  void TakeRegisters(uint64_t rip, uint64_t rflags) {
    Vmcb& v = vmcb();
    v.rax = vcpu_.gpr_[abi::kRax];
    v.rsp = vcpu_.gpr_[abi::kRsp];
    v.rip = rip;
    v.rflags = rflags;
  }
  void SyncRegisters() {
    vcpu_.gpr_[abi::kRax] = vmcb().rax;
    vcpu_.gpr_[abi::kRsp] = vmcb().rsp;
  }
  void TakeSystem(const abi::VcpuState& state);
  void GiveSystem(abi::VcpuState& state) const;
  void Load(Cpu& cpu);
  RunOutcome Enter(abi::VcpuState& state);

 private:
  RunOutcome SlowExit(abi::VcpuState& state);
  [[gnu::always_inline]] RunOutcome Io(abi::VcpuState& state);

  Vmcb& vmcb() const { return *static_cast<Vmcb*>(vcpu_.control_); }
};

}  // namespace bulkhead::arch::svm

#endif  // BULKHEAD_ARCH_X86_64_SVM_GUEST_H_
