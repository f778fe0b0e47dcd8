// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_HYPERVISOR_ABI_AARCH64_VCPU_STATE_H_
#define BULKHEAD_HYPERVISOR_ABI_AARCH64_VCPU_STATE_H_

// The page through which a VMM and the hypervisor exchange an aarch64 virtual processor's state.

#include <cstddef>
#include <cstdint>

namespace bulkhead::abi {

// An ESR is the exception syndrome (Arm ARM DDI 0487, D17.2.37), always in VcpuState::info.
enum class ExitReason : uint32_t {
  kNone = 0,
  kMmio = 1,              // data access to a guest-physical address without memory, or the right
  kSystemRegister = 2,    // MRS or MSR that the VMM has to answer
  kHypercall = 3,         // HVC or SMC
  kInstructionAbort = 4,  // fetch from a guest-physical address without memory, or the right
  kInvalidState = 8,      // the state that the VMM asked for is not one of EL1 or EL0
  kKicked = 10,           // somebody wants the VMM's attention
  kUnsupported = 11,      // any other exception to EL2
};

inline constexpr uint32_t kGprCount = 31;  // X0 to X30
// Software-generated and private peripheral interrupts: INTIDs 0 to 31 of each processor.
inline constexpr uint32_t kPrivateInterrupts = 32;
// The guest's virtual timer, which the hypervisor delivers by itself: as Arm's Base System
// Architecture numbers it, whatever the machine's own is.
inline constexpr uint32_t kVirtualTimerInterrupt = 27;
// vcpu_interrupt takes INTIDs below this, but not the timer's; shared ones begin at
// kPrivateInterrupts.
inline constexpr uint32_t kInterrupts = 256;

// Places in VcpuState::machine_id (Arm ARM D19.2). What is not named here reads as zero to a guest.
enum MachineId : uint32_t {
  kIdAa64Pfr0,
  kIdAa64Pfr1,
  kIdAa64Zfr0,  // always 0: there is no SVE for guests
  kIdAa64Dfr0,
  kIdAa64Dfr1,
  kIdAa64Isar0,
  kIdAa64Isar1,
  kIdAa64Isar2,
  kIdAa64Mmfr0,
  kIdAa64Mmfr1,
  kIdAa64Mmfr2,
  kMachineIdCount,
};
inline constexpr uint32_t kMachineIdSlots = 24;  // the rest are zero
static_assert(kMachineIdCount <= kMachineIdSlots);

struct VcpuState {
  // Written by the hypervisor when vcpu_run returns.
  ExitReason reason;
  uint32_t instruction_length;  // bytes of the exiting instruction; 0: of none
  uint64_t detail;              // kMmio, kInstructionAbort: guest-physical address
  uint64_t info;                // ESR

  // Written by the VMM before vcpu_run; the hypervisor clears them.
  uint32_t dirty;   // VcpuDirty
  uint32_t inject;  // VcpuInject, for the next entry

  // Current after every exit and taken at every entry. The general registers, without XZR, have
  // no other place: only they change here while vcpu_run has not returned.
  uint64_t gpr[kGprCount];
  uint64_t pc;
  uint64_t pstate;  // as SPSR_EL2; only EL1 and EL0, only AArch64 state

  // What the guest's fault handling says, for the VMM's report when it ends the guest; current
  // after every exit but kSystemRegister and kHypercall, never taken.
  uint64_t esr_el1, far_el1, elr_el1;

  // Taken with kDirtyTimer: guest's virtual counter = machine's counter - this.
  uint64_t counter_offset;

  // The part of the interrupt controller that the VMM emulates and the hypervisor needs to deliver
  // private interrupts by itself. Taken with kDirtyInterrupts.
  uint32_t private_enabled;  // bit n: INTID n
  uint8_t private_priority[kPrivateInterrupts];
  uint32_t reserved;

  // The machine's own identification registers, by MachineId; written once, by vcpu_create. The
  // guest's reads of them come to the VMM as kSystemRegister (HCR_EL2.TID3).
  uint64_t machine_id[kMachineIdSlots];
};
static_assert(offsetof(VcpuState, dirty) == 24 && offsetof(VcpuState, inject) == 28);
static_assert(offsetof(VcpuState, gpr) == 32);
static_assert(offsetof(VcpuState, pc) == 32 + 31 * 8);
static_assert(offsetof(VcpuState, counter_offset) == 320);
static_assert(offsetof(VcpuState, private_enabled) == 328);
static_assert(offsetof(VcpuState, private_priority) == 332);
static_assert(offsetof(VcpuState, machine_id) == 368);
static_assert(sizeof(VcpuState) <= 4096);

enum VcpuDirty : uint32_t {
  kDirtyReset = 1 << 0,  // all registers that are not here become what a reset makes them
  kDirtyTimer = 1 << 1,
  kDirtyInterrupts = 1 << 2,
};

enum VcpuInject : uint32_t {
  // Undefined instruction (EC 0) to EL1, as if the instruction at `pc` were not there: the
  // hypervisor sets ESR_EL1, ELR_EL1, SPSR_EL1 and goes on at the guest's vector (Arm ARM D1.3.1).
  kInjectUndefined = 1 << 0,
};

// The argument `vector` of vcpu_interrupt: an INTID with its priority, which counts for shared ones
// only.
constexpr uint64_t InterruptArgument(uint32_t intid, uint8_t priority) {
  return uint64_t{priority} << 16 | intid;
}

}  // namespace bulkhead::abi

#endif  // BULKHEAD_HYPERVISOR_ABI_AARCH64_VCPU_STATE_H_
