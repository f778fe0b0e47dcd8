// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_ARCH_AARCH64_INCLUDE_ARCH_VCPU_H_
#define BULKHEAD_ARCH_AARCH64_INCLUDE_ARCH_VCPU_H_

// A virtual processor as the core sees it.

#include <array>
#include <atomic>
#include <cstdint>
#include <span>

#include "arch/aarch64/guest_gic.h"
#include "arch/aarch64/guest_registers.h"
#include "arch/cpu.h"
#include "base/address.h"
#include "base/status.h"
#include "hypervisor/abi/aarch64/vcpu_state.h"
#include "hypervisor/abi/types.h"

namespace bulkhead::arch {

enum class RunOutcome {
  kExit,            // VcpuState says what the VMM has to answer
  kInterrupted,     // a host interrupt is pending: look whether something else should run
  kHalted,          // WFI; continue when an interrupt is pending
  kInterprocessor,  // the guest sends an interrupt: see LastSent, then continue
};

// What the virtual processors of a machine share: its VMID, the same on all CPUs, since what a
// guest invalidates it invalidates on all of them.
class VmTag {
 public:
  // kNoMemory: all VMIDs are in use.
  Status Take();
  void Release();

 private:
  friend class Vcpu;

  uint32_t vmid_ = 0;  // 0: none
  // By Cpu::index, the number, plus one, of the vCPU whose translations that CPU's TLB may hold.
  std::array<uint8_t, abi::kMaxCpus> last_vcpu_ = {};
  static_assert(abi::kMaxVcpus < 256);
};

// The first members are known to entry.S by offset.
class Vcpu {
 public:
  // Pages a vCPU needs: none besides its own memory.
  static constexpr uint64_t kPages = 0;

  // `tag` outlives the vCPU. `state` is the page that its VMM shares.
  void Initialize(uint32_t id, std::span<const HostPhysical> pages, HostPhysical nested_root,
                  VmTag& tag, abi::VcpuState& state);

  // Runs the guest.
  RunOutcome Run(Cpu& cpu, abi::VcpuState& state);

  // Takes this vCPU's registers off the CPU, before it runs elsewhere or goes away.
  void Unload(Cpu& cpu);

  // Whoever ran it is gone without an exit: the next Run begins with what VcpuState says.
  void Abandon() {
    in_guest_ = false;
    halted_ = false;
  }

  // Makes an interrupt pending; true if the vCPU should wake. The argument is
  // abi::InterruptArgument.
  bool Interrupt(uint64_t argument) {
    return gic_.Request(argument & 0xffff, static_cast<uint8_t>(argument >> 16));
  }
  static constexpr bool IsInterrupt(uint64_t argument) {
    const uint64_t intid = argument & 0xffff;
    return argument >> 24 == 0 && intid < abi::kInterrupts && intid != abi::kVirtualTimerInterrupt;
  }
  bool HasPendingInterrupt() const { return gic_.waiting() || TimerExpired(); }
  // The software-generated interrupt that kInterprocessor is about.
  struct Sent {
    uint64_t request;  // as written to ICC_SGI1R_EL1
    uint64_t interrupt;
  };
  Sent LastSent() const { return {sent_, sent_ >> 24 & 0xf}; }
  bool Receives(const Sent& sent) const;

  // When its timer wakes it, in counter ticks; ~0: never.
  uint64_t TimerDeadline() const;

  // The next entry forgets the guest's cached translations.
  void FlushGuestTlb() { flush_.store(true, std::memory_order_relaxed); }

  uint32_t id() const { return id_; }

  // For entry.S: handles an exit without leaving the guest's state; false: the rest has to see it.
  // `interrupt`: an IRQ, else an exception.
  bool FastExit(bool interrupt);

 private:
  // Whether Load has nothing to do.
  bool IsLoaded(const Cpu& cpu) const;
  void Load(Cpu& cpu);
  void Reset();
  void LoadInterface();
  void SaveInterface();
  // False: not a state of EL1 or EL0.
  bool TakeState(abi::VcpuState& state);
  RunOutcome Leave(abi::VcpuState& state, abi::ExitReason reason, uint64_t detail, uint32_t length);
  RunOutcome SlowExit(abi::VcpuState& state);
  bool SendInterrupt();
  void InjectUndefined();
  void EnterGuest();
  void LeaveGuest();
  void PrepareEntry();
  void DeliverAtOnce();
  bool TakeInterrupt();
  bool HoldsTimer() const;
  bool HoldsInterrupt();
  bool TimerExpired() const;
  bool TimerAsserted() const;
  void WithdrawTimer();
  template <typename Edit>
  void EditListRegisters(Edit edit);
  void FillListRegisters();
  void Advance() { pc_ += 4; }

  // X0 to X30 stay in the page that the VMM shares, VcpuState::gpr: they are the guest's alone, and
  // nothing that it puts there at any time can hurt the hypervisor. Volatile: to be read once.
  volatile uint64_t* gpr_ = nullptr;  // offset 0
  uint64_t pc_ = 0;                   // offset 8
  uint64_t pstate_ = 0;               // offset 16

  uint64_t esr_ = 0;  // of the last exit
  GuestGic gic_;
  VmTag* tag_ = nullptr;
  HostPhysical root_ = {};
  uint64_t counter_offset_ = 0;
  uint64_t sent_ = 0;
  uint32_t id_ = 0;
  uint64_t interface_control_ = 1;  // ICH_HCR_EL2 for the next entry
  std::atomic<bool> flush_ = true;  // set by any CPU
  bool halted_ = false;
  bool in_guest_ = false;     // VcpuState was taken; no exit has been given to the VMM since
  bool inject_ = false;       // an undefined-instruction exception
  bool sending_ = false;      // an interrupt for other vCPUs is to be delivered
  bool interrupted_ = false;  // the last exit was for a host interrupt
  bool timer_taken_ = false;  // the timer's interrupt was requested; it may still be pending

  std::array<uint64_t, kGuestRegisterCount> registers_ = {};
  std::array<uint64_t, kThreadRegisterCount> thread_ = {};
  struct {
    uint64_t machine_control = 0;  // ICH_VMCR_EL2
    std::array<uint64_t, 4> active0 = {}, active1 = {};
    std::array<uint64_t, 16> list = {};
  } interface_;
  uint64_t deferred_error_ = 0;                               // VDISR_EL2
  alignas(16) std::array<uint64_t, 2 * 32 + 2> vector_ = {};  // Q0 to Q31, FPCR, FPSR
};

// Whether this machine can run guests, else why not; what it is called.
const char* VirtualizationProblem();
const char* VirtualizationName();

}  // namespace bulkhead::arch

#endif  // BULKHEAD_ARCH_AARCH64_INCLUDE_ARCH_VCPU_H_
