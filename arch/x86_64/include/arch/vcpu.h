// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_ARCH_X86_64_INCLUDE_ARCH_VCPU_H_
#define BULKHEAD_ARCH_X86_64_INCLUDE_ARCH_VCPU_H_

// A virtual processor as the core sees it.

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

struct Vmcb;

// What the virtual processors of a machine share: nothing.
struct VmTag {};

// The first members are known to vmrun.S by offset.
class Vcpu {
 public:
  // Pages a vCPU needs, contiguous or not: control block and vector state.
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
  // takes: a vector.
  bool Interrupt(uint64_t vector) { return apic_.Request(static_cast<uint8_t>(vector)); }
  static constexpr bool IsInterrupt(uint64_t vector) { return vector >= 16 && vector <= 255; }
  bool HasPendingInterrupt() const { return apic_.Highest() >= 0; }
  // The interrupt that kInterprocessor is about, in the architecture's own form.
  struct Sent {
    uint64_t request;
    uint64_t interrupt;
  };
  Sent LastSent() const { return {apic_.icr(), static_cast<uint8_t>(apic_.icr())}; }
  bool Receives(const Sent& sent) const { return apic_.Receives(sent.request); }

  // When its timer fires, in counter ticks; ~0: never.
  uint64_t TimerDeadline() const { return apic_.deadline(); }

  // The next entry forgets the guest's cached translations.
  void FlushGuestTlb() { flush_ = true; }

  uint32_t id() const { return id_; }

  // For vmrun.S: handles an exit without leaving the guest's state; false: the rest has to see it.
  bool FastExit();

 private:
  void Load(Cpu& cpu);
  void TakeState(abi::VcpuState& state);
  void GiveState(abi::VcpuState& state, bool system);
  void PrepareEntry();
  // Not part of PrepareEntry, which most often has nothing to deliver and is short then.
  [[gnu::noinline]] void PrepareInterrupt(uint64_t now);
  void DeliverInterrupt();
  void ArmEntry();
  void RaiseException(unsigned vector, uint32_t error, bool has_error);
  void Advance(unsigned length);
  bool Msr(bool write);
  RunOutcome SendInterrupt();
  uint64_t MsrOperand() const;
  RunOutcome SlowExit(Cpu& cpu, abi::VcpuState& state);
  RunOutcome Leave(abi::VcpuState& state, abi::ExitReason reason, uint64_t detail, uint64_t info,
                   unsigned length, bool system);
  void SetXcr0();

  uint64_t gpr_[abi::kGprCount] = {};  // offset 0; RAX and RSP live in the VMCB
  HostPhysical vmcb_physical_ = {};    // offset 128
  HostPhysical host_vmcb_ = {};        // offset 136

  Vmcb* vmcb_ = nullptr;
  void* vector_state_ = nullptr;
  GuestApic apic_;
  uint64_t xcr0_ = 1;
  uint64_t debug_address_[4] = {};  // DR0 to DR3
  uint64_t tsc_aux_ = 0;
  uint64_t asid_generation_ = 0;
  Cpu* cpu_ = nullptr;
  uint32_t id_ = 0;
  bool flush_ = true;
  bool halted_ = false;
  bool sending_ = false;   // an interrupt for other vCPUs is to be delivered
  bool in_guest_ = false;  // VcpuState was taken; no exit has been given to the VMM since
};

// Whether this machine can run guests, else why not.
const char* VirtualizationProblem();
const char* VirtualizationName();

}  // namespace bulkhead::arch

#endif  // BULKHEAD_ARCH_X86_64_INCLUDE_ARCH_VCPU_H_
