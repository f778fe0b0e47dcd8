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
// vcpu_interrupt takes INTIDs below this; shared ones begin at kPrivateInterrupts.
inline constexpr uint32_t kInterrupts = 256;

struct VcpuState {
  // Written by the hypervisor when vcpu_run returns.
  ExitReason reason;
  uint32_t instruction_length;  // bytes of the exiting instruction; 0: of none
  uint64_t detail;              // kMmio, kInstructionAbort: guest-physical address
  uint64_t info;                // ESR

  // Written by the VMM before vcpu_run; the hypervisor clears it.
  uint32_t dirty;  // VcpuDirty
  uint32_t reserved;

  // Current after every exit and taken at every entry. XZR is not among them.
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
};
static_assert(offsetof(VcpuState, gpr) == 32);
static_assert(offsetof(VcpuState, pc) == 32 + 31 * 8);
static_assert(sizeof(VcpuState) <= 4096);

enum VcpuDirty : uint32_t {
  kDirtyReset = 1 << 0,  // all registers that are not here become what a reset makes them
  kDirtyTimer = 1 << 1,
  kDirtyInterrupts = 1 << 2,
};

// The argument `vector` of vcpu_interrupt: an INTID with its priority.
constexpr uint64_t InterruptArgument(uint32_t intid, uint8_t priority) {
  return uint64_t{priority} << 16 | intid;
}

}  // namespace bulkhead::abi

#endif  // BULKHEAD_HYPERVISOR_ABI_AARCH64_VCPU_STATE_H_
