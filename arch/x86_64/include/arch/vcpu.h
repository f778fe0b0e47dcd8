// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_ARCH_X86_64_INCLUDE_ARCH_VCPU_H_
#define BULKHEAD_ARCH_X86_64_INCLUDE_ARCH_VCPU_H_

// A virtual processor as the core sees it.

#include <atomic>
#include <cstdint>
#include <span>

#include "arch/cpu.h"
#include "arch/x86_64/guest_apic.h"
#include "base/address.h"
#include "base/status.h"
#include "hypervisor/abi/x86_64/vcpu_state.h"

namespace bulkhead::arch {

enum class RunOutcome {
  kExit,            // VcpuState says what the VMM has to answer
  kInterrupted,     // a host interrupt was taken: look whether something else should run
  kHalted,          // HLT; continue when an interrupt is pending
  kInterprocessor,  // the guest sends an interrupt: see Sent, then continue
};

// How a machine runs guests: AMD-V or VT-x (arch/x86_64/virtualizer.h).
template <typename Guest>
class GuestExits;
namespace svm {
class Guest;
}
namespace vmx {
class Guest;
}

// What the virtual processors of a machine share: nothing.
struct VmTag {
  static Status Take() { return Status::kOk; }
  static void Release() {}
};

// The first members are known to svm/vmrun.S and vmx/vmenter.S by offset.
class Vcpu {
 public:
  // Pages a vCPU needs, contiguous or not: control structure and vector state.
  static constexpr uint64_t kPages = 2;

  // `pages` are kPages zeroed pages that stay the vCPU's until Unload. `state`: the page that its
  // VMM shares.
  void Initialize(uint32_t id, std::span<const HostPhysical> pages, HostPhysical nested_root,
                  VmTag& tag, abi::VcpuState& state);

  // Runs the guest. `siblings` finds the virtual machine's other vCPUs for inter-processor
  // interrupts.
  RunOutcome Run(Cpu& cpu, abi::VcpuState& state);

  // Takes this vCPU's registers off the CPU, before it runs elsewhere or goes away.
  void Unload(Cpu& cpu);

  // Whoever ran it is gone without an exit: the next Run begins with what VcpuState says.
  void Abandon() {
    in_guest_ = false;
    halted_ = false;
  }

  // Makes an interrupt pending; true if the vCPU should wake. The argument is what vcpu_interrupt
  // takes: a vector, or 2 for an NMI.
  bool Interrupt(uint64_t vector) {
    return vector == kNmi ? apic_.RequestNmi() : apic_.Request(static_cast<uint8_t>(vector));
  }
  static constexpr uint64_t kNmi = 2;
  static constexpr bool IsInterrupt(uint64_t vector) {
    return (vector >= 16 && vector <= 255) || vector == kNmi;
  }
  bool HasPendingInterrupt() const { return apic_.nmi() || apic_.Highest() >= 0; }
  // The interrupt that kInterprocessor is about, in the architecture's own form.
  struct Sent {
    uint64_t request;
    uint64_t interrupt;
  };
  Sent LastSent() const {
    const uint64_t icr = apic_.icr();
    // A vector below 16 is none, and not an NMI's either.
    return {icr, GuestApic::IsNmi(icr) ? kNmi : (icr & 0xff) < 16 ? 0 : icr & 0xff};
  }
  bool Receives(const Sent& sent) const { return apic_.Receives(sent.request); }

  // When its timer fires, in counter ticks; ~0: never.
  uint64_t TimerDeadline() const { return apic_.deadline(); }

  // The next entry forgets the guest's cached translations.
  void FlushGuestTlb() { flush_.store(true, std::memory_order_relaxed); }

  uint32_t id() const { return id_; }

 private:
  template <typename Guest>
  friend class GuestExits;
  friend class svm::Guest;
  friend class vmx::Guest;

  // Puts on the CPU what no entry and exit switches. False: it is there already.
  bool LoadRegisters(Cpu& cpu) {
    if (cpu.loaded_vcpu == this) return false;
    SwitchRegisters(cpu);
    return true;
  }
  void SwitchRegisters(Cpu& cpu);
  // Gets an address-space tag (ASID, VPID) below `count`, if it has none on this CPU. True: a new
  // one.
  bool TakeTag(Cpu& cpu, uint32_t count) {
    if (tag_generation_ == cpu.tag_generation) return false;
    TakeNewTag(cpu, count);
    return true;
  }
  void TakeNewTag(Cpu& cpu, uint32_t count);
  // Whether the next entry has to forget translations; it is said once.
  bool TakeFlush() {
    return flush_.load(std::memory_order_relaxed) &&
           flush_.exchange(false, std::memory_order_relaxed);
  }

  // They stay in the page that the VMM shares, VcpuState::gpr, while the guest runs: they are the
  // guest's alone, and copying them would cost every exit more than all else that it moves. Read
  // once, since the VMM may change them at any time.
  volatile uint64_t* gpr_ = nullptr;    // offset 0
  HostPhysical control_physical_ = {};  // offset 8: VMCB or VMCS
  HostPhysical host_control_ = {};      // offset 16; AMD-V: the host's VMSAVE area
  uint64_t launched_ = 0;               // offset 24; VT-x: VMRESUME, not VMLAUNCH

  void* control_ = nullptr;  // what control_physical_ points to
  void* vector_state_ = nullptr;
  GuestApic apic_;
  uint64_t xcr0_ = 1;
  uint64_t debug_address_[4] = {};  // DR0 to DR3
  uint64_t tsc_aux_ = 0;
  // Which tag: good on cpu_ while its generation is this one.
  uint64_t tag_generation_ = 0;
  uint32_t tag_ = 0;
  uint32_t id_ = 0;
  Cpu* cpu_ = nullptr;
  // AMD-V has these in the VMCB; the VMCS has no room for them.
  struct {
    uint64_t cr2 = 0;
    uint64_t dr6 = 0xffff0ff0;
    uint64_t syscall[4] = {};  // STAR, LSTAR, CSTAR, SFMASK
    uint64_t kernel_gs_base = 0;
    uint64_t nested_root = 0;  // EPT pointer
    bool window = false;       // an exit is asked for when the guest can take an interrupt
  } outside_;
  bool nmi_blocked_ = false;        // AMD-V: until the guest's IRET; VT-x knows itself
  std::atomic<bool> flush_ = true;  // set by any CPU
  bool halted_ = false;
  bool sending_ = false;   // an interrupt for other vCPUs is to be delivered
  bool in_guest_ = false;  // VcpuState was taken; no exit has been given to the VMM since
};

// Whether this machine can run guests, else why not.
const char* VirtualizationProblem();
const char* VirtualizationName();

}  // namespace bulkhead::arch

#endif  // BULKHEAD_ARCH_X86_64_INCLUDE_ARCH_VCPU_H_
