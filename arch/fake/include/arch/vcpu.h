// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_ARCH_FAKE_INCLUDE_ARCH_VCPU_H_
#define BULKHEAD_ARCH_FAKE_INCLUDE_ARCH_VCPU_H_

#include <cstdint>
#include <span>

#include "arch/cpu.h"
#include "base/address.h"
#include "base/status.h"
#include "hypervisor/abi/x86_64/vcpu_state.h"  // reused: the core knows only `reason` and `detail`

namespace bulkhead::arch {

enum class RunOutcome { kExit, kInterrupted, kHalted, kInterprocessor };

// What the virtual processors of a machine share: nothing.
struct VmTag {
  static Status Take() { return Status::kOk; }
  static void Release() {}
};

// Runs Machine::guest. Interrupts are pending bits without priorities.
class Vcpu {
 public:
  static constexpr uint64_t kPages = 2;

  void Initialize(uint32_t id, std::span<const HostPhysical> pages, HostPhysical root, VmTag& tag,
                  abi::VcpuState& state);
  RunOutcome Run(Cpu& cpu, abi::VcpuState& state);
  void Unload(Cpu& cpu);
  void Abandon() {
    in_guest_ = false;
    halted_ = false;
  }

  bool Interrupt(uint64_t vector);
  static constexpr bool IsInterrupt(uint64_t vector) { return vector >= 16 && vector <= 255; }
  bool HasPendingInterrupt() const;
  uint64_t TimerDeadline() const { return deadline_; }
  void TimerFired(uint64_t now);
  // The request is a mask of vCPU ids.
  struct Sent {
    uint64_t request;
    uint64_t interrupt;
  };
  Sent LastSent() const { return sent_; }
  bool Receives(const Sent& sent) const { return (sent.request >> id_ & 1) != 0; }
  void FlushGuestTlb() { ++flushes_; }

  uint32_t id() const { return id_; }
  uint64_t exits() const { return exits_; }

  // For tests.
  void SetSent(Sent sent) { sent_ = sent; }
  void SetDeadline(uint64_t deadline) { deadline_ = deadline; }
  int TakeInterrupt();  // a pending vector, -1: none
  HostPhysical root() const { return root_; }
  uint64_t flushes() const { return flushes_; }
  uint64_t states_taken() const { return states_taken_; }  // from VcpuState

 private:
  static constexpr uint8_t kTimerVector = 0xee;

  uint64_t pending_[4] = {};
  uint64_t deadline_ = ~uint64_t{0};
  uint64_t* control_ = nullptr;  // pages of its own, written at every entry
  uint64_t* registers_ = nullptr;
  HostPhysical root_ = {};
  Sent sent_ = {};
  uint64_t exits_ = 0;
  uint64_t flushes_ = 0;
  uint32_t id_ = 0;
  uint64_t states_taken_ = 0;
  bool halted_ = false;
  bool in_guest_ = false;
};

const char* VirtualizationProblem();

}  // namespace bulkhead::arch

#endif  // BULKHEAD_ARCH_FAKE_INCLUDE_ARCH_VCPU_H_
