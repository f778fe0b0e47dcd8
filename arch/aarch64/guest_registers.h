// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_ARCH_AARCH64_GUEST_REGISTERS_H_
#define BULKHEAD_ARCH_AARCH64_GUEST_REGISTERS_H_

// The system registers that a guest reads and writes without an exit: saved, restored and reset
// from this one table. What is not here traps, or is among the general, vector and interrupt
// controller registers (vcpu.cc, vector.S, guest_interface.cc). _EL12 and _EL02 name the guest's
// registers while HCR_EL2.E2H is set (Arm ARM DDI 0487, D8.5.2).
//
// BULKHEAD_GUEST_REGISTER(name in the table, name for the assembler, value after reset)

// RES1 bits, MMU and caches off (Arm ARM D17.2.117).
#define BULKHEAD_SCTLR_EL1_RESET 0x30d00800

#define BULKHEAD_GUEST_REGISTERS(BULKHEAD_GUEST_REGISTER)               \
  BULKHEAD_GUEST_REGISTER(kSctlr, sctlr_el12, BULKHEAD_SCTLR_EL1_RESET) \
  BULKHEAD_GUEST_REGISTER(kCpacr, cpacr_el12, 0)                        \
  BULKHEAD_GUEST_REGISTER(kTtbr0, ttbr0_el12, 0)                        \
  BULKHEAD_GUEST_REGISTER(kTtbr1, ttbr1_el12, 0)                        \
  BULKHEAD_GUEST_REGISTER(kTcr, tcr_el12, 0)                            \
  BULKHEAD_GUEST_REGISTER(kEsr, esr_el12, 0)                            \
  BULKHEAD_GUEST_REGISTER(kAfsr0, afsr0_el12, 0)                        \
  BULKHEAD_GUEST_REGISTER(kAfsr1, afsr1_el12, 0)                        \
  BULKHEAD_GUEST_REGISTER(kFar, far_el12, 0)                            \
  BULKHEAD_GUEST_REGISTER(kMair, mair_el12, 0)                          \
  BULKHEAD_GUEST_REGISTER(kAmair, amair_el12, 0)                        \
  BULKHEAD_GUEST_REGISTER(kVbar, vbar_el12, 0)                          \
  BULKHEAD_GUEST_REGISTER(kContextidr, contextidr_el12, 0)              \
  BULKHEAD_GUEST_REGISTER(kCntkctl, cntkctl_el12, 0)                    \
  BULKHEAD_GUEST_REGISTER(kElr, elr_el12, 0)                            \
  BULKHEAD_GUEST_REGISTER(kSpsr, spsr_el12, 0)                          \
  BULKHEAD_GUEST_REGISTER(kSp1, sp_el1, 0)                              \
  BULKHEAD_GUEST_REGISTER(kTpidr1, tpidr_el1, 0)                        \
  BULKHEAD_GUEST_REGISTER(kPar, par_el1, 0)                             \
  BULKHEAD_GUEST_REGISTER(kCsselr, csselr_el1, 0)

// Those that user mode could see or change, and the timer, which must not interrupt it: switched at
// every way there and back.
#define BULKHEAD_THREAD_REGISTERS(BULKHEAD_GUEST_REGISTER) \
  BULKHEAD_GUEST_REGISTER(kSp0, sp_el0, 0)                 \
  BULKHEAD_GUEST_REGISTER(kTpidr0, tpidr_el0, 0)           \
  BULKHEAD_GUEST_REGISTER(kTpidrro0, tpidrro_el0, 0)       \
  BULKHEAD_GUEST_REGISTER(kCntvCval, cntv_cval_el02, 0)    \
  BULKHEAD_GUEST_REGISTER(kCntvCtl, cntv_ctl_el02, 0)

namespace bulkhead::arch {

#define BULKHEAD_NAME(name, assembler, reset) name,
enum GuestRegister { BULKHEAD_GUEST_REGISTERS(BULKHEAD_NAME) kGuestRegisterCount };
enum ThreadRegister { BULKHEAD_THREAD_REGISTERS(BULKHEAD_NAME) kThreadRegisterCount };
#undef BULKHEAD_NAME

}  // namespace bulkhead::arch

#endif  // BULKHEAD_ARCH_AARCH64_GUEST_REGISTERS_H_
