// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_HYPERVISOR_ABI_X86_64_VCPU_STATE_H_
#define BULKHEAD_HYPERVISOR_ABI_X86_64_VCPU_STATE_H_

// The page through which a VMM and the hypervisor exchange an x86_64 virtual processor's state.

#include <cstddef>
#include <cstdint>

namespace bulkhead::abi {

enum class ExitReason : uint32_t {
  kNone = 0,
  kIo = 1,    // IN, OUT and their string forms
  kMmio = 2,  // a guest-physical address without memory, or without the right
  kCpuid = 3,
  kMsrRead = 4,
  kMsrWrite = 5,
  kHypercall = 6,     // VMMCALL
  kShutdown = 7,      // triple fault
  kInvalidState = 8,  // the processor refused to enter the guest; the state is as the VMM gave it
  kDeadHalt = 9,      // HLT with interrupts off: nothing can wake it
  kKicked = 10,       // somebody wants the VMM's attention
  kUnsupported = 11,  // detail: the hardware's exit code
};

// Order as the hardware numbers registers in instructions (AMD APM 3, 1.4).
enum Gpr : uint32_t {
  kRax,
  kRcx,
  kRdx,
  kRbx,
  kRsp,
  kRbp,
  kRsi,
  kRdi,
  kR8,
  kR9,
  kR10,
  kR11,
  kR12,
  kR13,
  kR14,
  kR15,
  kGprCount,
};

// Attributes as in the VMCB: descriptor bits 55:52 and 47:40 joined (AMD APM 2, 15.5.1).
struct SegmentRegister {
  uint16_t selector;
  uint16_t attributes;
  uint32_t limit;
  uint64_t base;
};
static_assert(sizeof(SegmentRegister) == 16);

struct VcpuState {
  // Written by the hypervisor when vcpu_run returns.
  ExitReason reason;
  uint32_t instruction_length;  // bytes of the exiting instruction; 0: not known (kMmio)
  uint64_t detail;              // kMmio: guest-physical address; kIo: port; kMsr*: index;
                                // kUnsupported: hardware's code; kInvalidState: AMD-V: all
                                // ones; VT-x: see vmx_errors.h
  uint64_t info;                // kMmio: MmioInfo; kMsrWrite: value;
                                // kIo: width | (kIoIn, kIoString, kIoRepeat)

  // Written by the VMM before vcpu_run; the hypervisor clears them.
  uint32_t dirty;   // VcpuDirty
  uint32_t inject;  // VcpuInject, for the next entry
  uint32_t inject_error;
  uint32_t reserved;

  // gpr, rip and rflags are current after every exit and taken at every entry; cr4 and xcr0 are
  // current after every exit too, because CPUID shows some of their bits.
  uint64_t gpr[kGprCount];
  uint64_t rip;
  uint64_t rflags;

  // Current after kMmio, kUnsupported and the string forms of kIo (and before the first entry: as
  // after reset), taken at entry when dirty has kDirtySystem.
  uint64_t cr0, cr2, cr3, cr4;
  uint64_t efer;
  uint64_t xcr0;
  SegmentRegister cs, ds, es, fs, gs, ss, tr, ldtr, gdtr, idtr;
  uint64_t cpl;
  uint64_t tsc_offset;  // guest counter = machine's counter + this; taken with kDirtySystem
};
static_assert(offsetof(VcpuState, gpr) == 40);
static_assert(offsetof(VcpuState, cr0) == 40 + 18 * 8);
static_assert(sizeof(VcpuState) <= 4096);

enum VcpuDirty : uint32_t {
  kDirtySystem = 1 << 0,
};

// An exception to deliver at the next entry: vector | kInjectValid [| kInjectHasError].
enum VcpuInject : uint32_t {
  kInjectValid = 1u << 31,
  kInjectHasError = 1u << 30,
};

// What the access was; the first two as in a page fault's error code.
enum MmioInfo : uint64_t {
  kMmioWrite = 1 << 1,
  kMmioFetch = 1 << 4,
  kMmioTable = 1 << 8,     // not the instruction's own, but to a page table on the way
  kMmioDelivery = 1 << 9,  // nor here, but of an interrupt or exception on its way to its handler
};

enum IoInfo : uint64_t {
  kIoWidthMask = 0x7,  // 1, 2 or 4 bytes
  kIoIn = 1 << 3,
  kIoString = 1 << 4,
  kIoRepeat = 1 << 5,
};

}  // namespace bulkhead::abi

#endif  // BULKHEAD_HYPERVISOR_ABI_X86_64_VCPU_STATE_H_
