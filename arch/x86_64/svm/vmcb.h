// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_ARCH_X86_64_SVM_VMCB_H_
#define BULKHEAD_ARCH_X86_64_SVM_VMCB_H_

// The virtual machine control block (AMD APM 2, appendix B).

#include <cstddef>
#include <cstdint>

#include "hypervisor/abi/x86_64/vcpu_state.h"

namespace bulkhead::arch::svm {

enum Intercept1 : uint32_t {
  kInterceptIntr = 1u << 0,
  kInterceptNmi = 1u << 1,
  kInterceptSmi = 1u << 2,
  kInterceptInit = 1u << 3,
  kInterceptVintr = 1u << 4,
  kInterceptRdpmc = 1u << 15,
  kInterceptCpuid = 1u << 18,
  kInterceptInvd = 1u << 22,
  kInterceptIret = 1u << 20,
  kInterceptHlt = 1u << 24,
  kInterceptInvlpga = 1u << 26,
  kInterceptIo = 1u << 27,
  kInterceptMsr = 1u << 28,
  kInterceptTaskSwitch = 1u << 29,
  kInterceptShutdown = 1u << 31,
};

enum Intercept2 : uint32_t {
  kInterceptVmrun = 1u << 0,
  kInterceptVmmcall = 1u << 1,
  kInterceptVmload = 1u << 2,
  kInterceptVmsave = 1u << 3,
  kInterceptStgi = 1u << 4,
  kInterceptClgi = 1u << 5,
  kInterceptSkinit = 1u << 6,
  kInterceptWbinvd = 1u << 9,
  kInterceptMonitor = 1u << 10,
  kInterceptMwait = 1u << 11,
  kInterceptMwaitArmed = 1u << 12,
  kInterceptXsetbv = 1u << 13,
  kInterceptRdpru = 1u << 14,
};

enum ExitCode : uint64_t {
  kExitException = 0x40,  // + vector
  kExitIntr = 0x60,
  kExitNmi = 0x61,
  kExitSmi = 0x62,
  kExitInit = 0x63,
  kExitVintr = 0x64,
  kExitRdpmc = 0x6f,
  kExitCpuid = 0x72,
  kExitIret = 0x74,
  kExitInvd = 0x76,
  kExitHlt = 0x78,
  kExitInvlpga = 0x7a,
  kExitIo = 0x7b,
  kExitMsr = 0x7c,
  kExitTaskSwitch = 0x7d,
  kExitShutdown = 0x7f,
  kExitVmrun = 0x80,
  kExitVmmcall = 0x81,
  kExitVmload = 0x82,
  kExitVmsave = 0x83,
  kExitStgi = 0x84,
  kExitClgi = 0x85,
  kExitSkinit = 0x86,
  kExitWbinvd = 0x89,
  kExitMonitor = 0x8a,
  kExitMwait = 0x8b,
  kExitMwaitArmed = 0x8c,
  kExitXsetbv = 0x8d,
  kExitRdpru = 0x8e,
  kExitNestedFault = 0x400,
  kExitInvalid = ~uint64_t{0},
};

// Interrupt control word (offset 0x60).
inline constexpr uint64_t kVirtualTprMask = 0xff;
inline constexpr uint64_t kVirtualIrq = 1 << 8;
inline constexpr int kVirtualPriorityShift = 16;
inline constexpr uint64_t kVirtualPriorityMask = 0xf << kVirtualPriorityShift;
inline constexpr uint64_t kVirtualIgnoreTpr = 1 << 20;
inline constexpr uint64_t kVirtualMasking = 1 << 24;

// Offset 0x68; its other bits say something else.
inline constexpr uint64_t kInterruptShadow = 1 << 0;

struct Vmcb {
  uint32_t intercept_cr;
  uint32_t intercept_dr;
  uint32_t intercept_exceptions;
  uint32_t intercept1;
  uint32_t intercept2;
  uint32_t intercept3;
  uint8_t reserved0[0x40 - 0x18];
  uint64_t io_map;
  uint64_t msr_map;
  uint64_t tsc_offset;
  uint32_t asid;
  uint32_t tlb_control;
  uint64_t virtual_interrupt;
  uint64_t interrupt_shadow;
  uint64_t exit_code;
  uint64_t exit_info1;
  uint64_t exit_info2;
  uint64_t exit_interrupt;
  uint64_t nested_enable;
  uint8_t reserved1[0xa8 - 0x98];
  uint64_t event_injection;
  uint64_t nested_cr3;
  uint64_t lbr_control;
  uint64_t clean;
  uint64_t next_rip;
  uint8_t reserved2[0x400 - 0xd0];

  abi::SegmentRegister es, cs, ss, ds, fs, gs, gdtr, ldtr, idtr, tr;
  uint8_t reserved3[0x4cb - 0x4a0];
  uint8_t cpl;
  uint32_t reserved4;
  uint64_t efer;
  uint8_t reserved5[0x548 - 0x4d8];
  uint64_t cr4, cr3, cr0, dr7, dr6, rflags, rip;
  uint8_t reserved6[0x5d8 - 0x580];
  uint64_t rsp;
  uint8_t reserved7[0x5f8 - 0x5e0];
  uint64_t rax;
  uint64_t star, lstar, cstar, sfmask, kernel_gs_base;
  uint64_t sysenter_cs, sysenter_esp, sysenter_eip;
  uint64_t cr2;
  uint8_t reserved8[0x668 - 0x648];
  uint64_t pat;
  uint8_t reserved9[0x1000 - 0x670];
};
static_assert(sizeof(Vmcb) == 4096);
static_assert(offsetof(Vmcb, io_map) == 0x40);
static_assert(offsetof(Vmcb, asid) == 0x58);
static_assert(offsetof(Vmcb, virtual_interrupt) == 0x60);
static_assert(offsetof(Vmcb, exit_code) == 0x70);
static_assert(offsetof(Vmcb, nested_enable) == 0x90);
static_assert(offsetof(Vmcb, event_injection) == 0xa8);
static_assert(offsetof(Vmcb, next_rip) == 0xc8);
static_assert(offsetof(Vmcb, es) == 0x400);
static_assert(offsetof(Vmcb, cpl) == 0x4cb);
static_assert(offsetof(Vmcb, efer) == 0x4d0);
static_assert(offsetof(Vmcb, cr4) == 0x548);
static_assert(offsetof(Vmcb, rip) == 0x578);
static_assert(offsetof(Vmcb, rsp) == 0x5d8);
static_assert(offsetof(Vmcb, rax) == 0x5f8);
static_assert(offsetof(Vmcb, cr2) == 0x640);
static_assert(offsetof(Vmcb, pat) == 0x668);

}  // namespace bulkhead::arch::svm

#endif  // BULKHEAD_ARCH_X86_64_SVM_VMCB_H_
