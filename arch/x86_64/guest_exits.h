// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_ARCH_X86_64_GUEST_EXITS_H_
#define BULKHEAD_ARCH_X86_64_GUEST_EXITS_H_

// What running a guest takes on AMD-V and on VT-x alike, written once. svm::Guest and vmx::Guest
// derive from this with themselves as the parameter and say how their control structure is read
// and written:
//
//   rip, set_rip, rflags, set_rflags, cr0, cr4, efer, set_efer, rax, set_rax, cpl, set_tsc_offset
//   HasEvent, Inject(event, error)     an event to deliver at the next entry
//   InterruptShadow, ClearInterruptShadow
//   NmiBlocked, BlockNmi               until the guest's IRET
//   RequestWindow(vector, held_back)   an exit when the guest can take an interrupt
//   RequestNmiWindow                   the same for an NMI
//   WindowRequested
//   AddDebugCauses(bits)               to DR6
//   InstructionLength(assumed)         of the instruction that left the guest
//   Arm(now)                           the timer that ends the run in time
//   ResumeAsPrepared                   enters again with nothing pending
//   TakeRegisters(rip, rflags)         and the general ones it has
//   SyncRegisters                      the other way round
//   TakeSystem, GiveSystem             the registers that most exits do not exchange
//   Load(cpu), Enter(state)            makes it current; runs until FastExit gives up, then
//                                      answers the exit
//
// None of it is virtual, and what is not inlined takes the view by value, so that it lives in
// registers: the path from an exit back into the guest is counted in instructions.

#include "arch/vcpu.h"
#include "arch/x86_64/registers.h"
#include "arch/x86_64/vector_state.h"
#include "base/read_once.h"

namespace bulkhead::arch {

inline constexpr unsigned kDebug = 1;
inline constexpr unsigned kBreakpoint = 3;
inline constexpr unsigned kOverflow = 4;
inline constexpr unsigned kUndefinedInstruction = 6;
inline constexpr unsigned kGeneralProtection = 13;
inline constexpr unsigned kAlignmentCheck = 17;
inline constexpr unsigned kMachineCheck = 18;

// Events as both write them: EVENTINJ and EXITINTINFO (AMD APM 2, 15.20), VM-entry
// interruption-information and IDT-vectoring information (Intel SDM 3C, 25.8.3 and 25.9.3). AMD-V
// has the error code in the upper half, VT-x in a field of its own.
inline constexpr uint32_t kEventValid = 1u << 31;
inline constexpr uint32_t kEventHasError = 1 << 11;
inline constexpr uint32_t kEventInterrupt = 0 << 8;
inline constexpr uint32_t kEventNmi = 2 << 8;
inline constexpr uint32_t kEventException = 3 << 8;
inline constexpr uint32_t kEventSoftware = 4 << 8;  // VT-x: 5 and 6 are such, too
inline constexpr uint32_t kEventTypeMask = 7 << 8;
inline constexpr uint32_t kEventVectorMask = 0xff;

// Lengths without prefixes, for processors that do not report the next instruction.
inline constexpr unsigned kLengthCpuid = 2;
inline constexpr unsigned kLengthMsr = 2;
inline constexpr unsigned kLengthHlt = 1;
inline constexpr unsigned kLengthHypercall = 3;
inline constexpr unsigned kLengthXsetbv = 3;
inline constexpr unsigned kLengthInvd = 2;

template <typename Guest>
class GuestExits {
 public:
  RunOutcome Run(Cpu& cpu, abi::VcpuState& state) {
    self().Load(cpu);
    if (!vcpu_.in_guest_) {
      TakeState(state);
      vcpu_.in_guest_ = true;
    } else if (vcpu_.halted_) {
      vcpu_.apic_.Expire(ReadTsc());
      if (!vcpu_.HasPendingInterrupt()) return RunOutcome::kHalted;
      vcpu_.halted_ = false;
    }
    PrepareEntry();
    return self().Enter(state);
  }

 protected:
  void RaiseException(unsigned vector) { self().Inject(vector | kEventException | kEventValid, 0); }
  void RaiseException(unsigned vector, uint32_t error) {
    self().Inject(vector | kEventException | kEventHasError | kEventValid, error);
  }

  // Past the instruction that left the guest.
  void Advance(unsigned length) {
    self().set_rip(self().rip() + self().InstructionLength(length));
    self().ClearInterruptShadow();
    if ((self().rflags() & (kRflagsTf | kRflagsRf)) != 0) EndInstruction(self());
  }

  void PrepareEntry() {
    const uint64_t now = ReadTsc();
    // The window is open while an interrupt waits for the guest to take it.
    const bool waiting = vcpu_.apic_.pending() || self().WindowRequested();
    if (now >= vcpu_.apic_.deadline() || waiting) return PrepareInterrupt(self(), now);
    self().Arm(now);
  }

  // EDX:EAX, as WRMSR and XSETBV take it.
  uint64_t MsrOperand() const { return vcpu_.gpr_[abi::kRdx] << 32 | (self().rax() & 0xffffffff); }
  uint32_t MsrIndex() const { return static_cast<uint32_t>(vcpu_.gpr_[abi::kRcx]); }

  // For FastExit: answers an MSR exit and prepares the entry; false: SlowExit has to see it.
  bool FastMsr(bool write) {
    const uint32_t index = MsrIndex();
    // The two writes that come with every timer interrupt are the most frequent exits of all.
    if (write && index == kMsrX2ApicEoi && MsrOperand() == 0) {
      vcpu_.apic_.EndOfInterrupt();
      Advance(kLengthMsr);
      // With nothing pending before and after it, what the last entry prepared still holds.
      if (!vcpu_.apic_.pending()) {
        self().ResumeAsPrepared();
        return true;
      }
    } else if (write && index == kMsrTscDeadline) {
      vcpu_.apic_.WriteTscDeadline(MsrOperand());
      Advance(kLengthMsr);
    } else {
      return FastOtherMsr(self(), write);
    }
    PrepareEntry();
    return true;
  }

  [[gnu::noinline]] static bool FastHalt(Guest guest) {
    GuestApic& apic = guest.vcpu_.apic_;
    const uint64_t now = ReadTsc();
    if (now >= apic.deadline()) apic.Expire(now);
    if (apic.Highest() < 0 || (guest.rflags() & kRflagsIf) == 0) return false;
    guest.Advance(kLengthHlt);
    guest.PrepareEntry();
    return true;
  }

  // An event was being delivered when the guest left: delivers it again. Software interrupts, INT3
  // and INTO are not: their instruction is executed again.
  void DeliverAgain(uint32_t event, uint32_t error) {
    if ((event & kEventValid) == 0) return;
    const uint32_t type = event & kEventTypeMask;
    const uint32_t vector = event & kEventVectorMask;
    const bool by_instruction =
        type >= kEventSoftware ||
        (type == kEventException && (vector == kBreakpoint || vector == kOverflow));
    // VT-x may set other bits, which an entry refuses (Intel SDM 3C, 25.9.3).
    constexpr uint32_t kMeant = kEventValid | kEventHasError | kEventTypeMask | kEventVectorMask;
    if (!by_instruction) self().Inject(event & kMeant, error);
  }

  RunOutcome SendInterrupt() {
    vcpu_.sending_ = false;
    return RunOutcome::kInterprocessor;
  }

  [[gnu::always_inline]] RunOutcome Halt(abi::VcpuState& state) {
    if ((self().rflags() & kRflagsIf) == 0 && !vcpu_.apic_.nmi()) {
      return Leave(state, abi::ExitReason::kDeadHalt, 0, 0, kLengthHlt, true);
    }
    Advance(kLengthHlt);
    if (self().HasEvent()) return RunOutcome::kInterrupted;  // a single step
    vcpu_.halted_ = true;
    return RunOutcome::kHalted;
  }

  [[gnu::always_inline]] RunOutcome MsrExit(abi::VcpuState& state, bool write) {
    // FastExit carried the instruction out.
    if (vcpu_.sending_) return SendInterrupt();
    // Reached when an event delivery was cut short; also here, not in the VMM.
    if (Msr(self(), write)) return vcpu_.sending_ ? SendInterrupt() : RunOutcome::kInterrupted;
    return Leave(state, write ? abi::ExitReason::kMsrWrite : abi::ExitReason::kMsrRead, MsrIndex(),
                 write ? MsrOperand() : 0, kLengthMsr, false);
  }

  [[gnu::always_inline]] RunOutcome Xsetbv() {
    const uint64_t value = MsrOperand();
    // AMD APM 3, XSETBV: x87 always, AVX only with SSE, the AVX-512 parts all or none.
    const bool valid = MsrIndex() == 0 && self().cpl() == 0 && (value & ~GuestXcr0()) == 0 &&
                       (value & 1) != 0 && ((value & 4) == 0 || (value & 2) != 0) &&
                       ((value & 0xe0) == 0 || (value & 0xe7) == 0xe7);
    if (valid) {
      vcpu_.xcr0_ = value;
      WriteXcr0(value);
      Advance(kLengthXsetbv);
    } else {
      RaiseException(kGeneralProtection, 0);
    }
    return RunOutcome::kInterrupted;
  }

  RunOutcome CacheFlush() {
    // Guests share the caches; memory is coherent without their help.
    Advance(kLengthInvd);
    return RunOutcome::kInterrupted;
  }

  RunOutcome Undefined() {
    // Not offered by CPUID.
    RaiseException(kUndefinedInstruction);
    return RunOutcome::kInterrupted;
  }

  [[gnu::always_inline]] RunOutcome Leave(abi::VcpuState& state, abi::ExitReason reason,
                                          uint64_t detail, uint64_t info, unsigned length,
                                          bool system) {
    return LeaveGuest(self(), state, reason, detail, info, length, system);
  }

  // The processor did not enter the guest. The VMM keeps the state as it gave it: what the control
  // structure has now may be anybody's (QEMU puts the host's into the VMCB).
  RunOutcome Refused(abi::VcpuState& state, uint64_t detail) {
    state.reason = abi::ExitReason::kInvalidState;
    state.detail = detail;
    state.info = 0;
    state.instruction_length = 0;
    vcpu_.in_guest_ = false;
    return RunOutcome::kExit;
  }

  Vcpu& vcpu_;

 private:
  friend Guest;
  explicit GuestExits(Vcpu& vcpu) : vcpu_(vcpu) {}

  Guest& self() { return static_cast<Guest&>(*this); }
  const Guest& self() const { return static_cast<const Guest&>(*this); }

  [[gnu::noinline]] static RunOutcome LeaveGuest(Guest guest, abi::VcpuState& state,
                                                 abi::ExitReason reason, uint64_t detail,
                                                 uint64_t info, unsigned length, bool system) {
    state.reason = reason;
    state.detail = detail;
    state.info = info;
    state.instruction_length =
        length != 0 ? static_cast<uint32_t>(guest.InstructionLength(length)) : 0;
    guest.GiveState(state, system);
    guest.ClearInterruptShadow();
    guest.vcpu_.in_guest_ = false;
    return RunOutcome::kExit;
  }

  [[gnu::noinline]] static bool FastOtherMsr(Guest guest, bool write) {
    if (!Msr(guest, write) || guest.vcpu_.sending_) return false;
    guest.PrepareEntry();
    return true;
  }

  // What the processor does at the end of each instruction that it carries out itself: breakpoints
  // are on again, and a single step traps (AMD APM 2, 3.1.6 and 13.1.4).
  [[gnu::noinline]] static void EndInstruction(Guest guest) {
    const uint64_t flags = guest.rflags();
    guest.set_rflags(flags & ~kRflagsRf);
    if ((flags & kRflagsTf) == 0) return;
    guest.AddDebugCauses(kDr6SingleStep);
    guest.RaiseException(kDebug);
  }

  void GiveState(abi::VcpuState& state, bool system) {
    self().SyncRegisters();
    state.rip = self().rip();
    state.rflags = self().rflags();
    state.cr4 = self().cr4();
    state.xcr0 = ReadXcr0();
    if (system) self().GiveSystem(state);
  }

  // Not part of PrepareEntry, which most often has nothing to deliver and is short then.
  [[gnu::noinline]] static void PrepareInterrupt(Guest guest, uint64_t now) {
    guest.vcpu_.apic_.Expire(now);
    guest.Arm(now);
    guest.DeliverInterrupt();  // may want the timer earlier
  }

  // Delivers the highest pending interrupt, or asks for an exit when the guest can take it.
  void DeliverInterrupt() {
    GuestApic& apic = vcpu_.apic_;
    const int vector = apic.Highest();
    if (apic.nmi() && !self().HasEvent() && !self().NmiBlocked() && !self().InterruptShadow()) {
      self().Inject(Vcpu::kNmi | kEventNmi | kEventValid, 0);
      self().BlockNmi();
      apic.AcceptNmi();
    }
    if (vector >= 0 && !self().HasEvent() && (self().rflags() & kRflagsIf) != 0 &&
        !self().InterruptShadow()) {
      self().Inject(static_cast<uint32_t>(vector) | kEventInterrupt | kEventValid, 0);
      apic.Accept(vector);
      self().RequestWindow(-1, -1);
    } else {
      self().RequestWindow(vector, vector >= 0 ? -1 : apic.HighestHeldBack());
    }
    if (apic.nmi()) self().RequestNmiWindow();
  }

  // Answers an access to a register of the hypervisor's own; false: it is the VMM's.
  [[gnu::noinline]] static bool Msr(Guest guest, bool write) {
    GuestApic& apic = guest.vcpu_.apic_;
    const uint32_t index = guest.MsrIndex();
    const uint64_t value = guest.MsrOperand();
    uint64_t result = 0;
    auto access = GuestApic::Access::kDone;
    if (index >= kMsrX2ApicFirst && index <= kMsrX2ApicLast) {
      access = write ? apic.Write(index, value, ReadTsc()) : apic.Read(index, ReadTsc(), &result);
    } else if (index == kMsrTscDeadline) {
      if (write) {
        apic.WriteTscDeadline(value);
      } else {
        result = apic.ReadTscDeadline();
      }
    } else if (index == kMsrEfer) {
      access = guest.Efer(write, value, &result);
    } else {
      return false;
    }
    if (access == GuestApic::Access::kFault) {
      guest.RaiseException(kGeneralProtection, 0);
      return true;
    }
    guest.vcpu_.sending_ = access == GuestApic::Access::kInterprocessor;
    if (!write) {
      guest.set_rax(result & 0xffffffff);
      guest.vcpu_.gpr_[abi::kRdx] = result >> 32;
    }
    guest.Advance(kLengthMsr);
    return true;
  }

  GuestApic::Access Efer(bool write, uint64_t value, uint64_t* result) {
    constexpr uint64_t kWritable = kEferSce | kEferLme | kEferNxe;
    const uint64_t efer = self().efer();
    if (!write) {
      *result = efer;
    } else if ((value & ~(kWritable | kEferLma)) != 0 ||
               ((self().cr0() & kCr0Pg) != 0 && ((value ^ efer) & kEferLme) != 0)) {
      // LME stays as it is while paging is on (AMD APM 2, 3.1.7).
      return GuestApic::Access::kFault;
    } else {
      self().set_efer((value & kWritable) | (efer & kEferLma));
    }
    return GuestApic::Access::kDone;
  }

  void TakeState(abi::VcpuState& state) {
    // The guest's own registers can hurt nobody else. The processor checks the rest.
    const uint64_t rip = ReadOnce(state.rip);
    const uint64_t rflags = ReadOnce(state.rflags) | 2;
    // A RIP that the VMM moved is an instruction done.
    const bool ends = (rflags & (kRflagsTf | kRflagsRf)) != 0 && rip != self().rip();
    self().TakeRegisters(rip, rflags);
    if (ends) EndInstruction(self());
    const uint32_t inject = ReadOnce(state.inject);
    const uint32_t dirty = ReadOnce(state.dirty);
    if ((inject | dirty) == 0) return;
    if ((dirty & abi::kDirtySystem) != 0) {
      state.dirty = 0;
      self().TakeSystem(state);
      const uint64_t offset = ReadOnce(state.tsc_offset);
      self().set_tsc_offset(offset);
      vcpu_.apic_.set_tsc_offset(offset);
    }
    if ((inject & abi::kInjectValid) != 0) {
      const bool has_error = (inject & abi::kInjectHasError) != 0;
      self().Inject(
          (inject & 0x1f) | kEventException | kEventValid | (has_error ? kEventHasError : 0),
          has_error ? ReadOnce(state.inject_error) : 0);
      state.inject = 0;
    }
  }
};

}  // namespace bulkhead::arch

#endif  // BULKHEAD_ARCH_X86_64_GUEST_EXITS_H_
