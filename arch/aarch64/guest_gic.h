// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_ARCH_AARCH64_GUEST_GIC_H_
#define BULKHEAD_ARCH_AARCH64_GUEST_GIC_H_

// The interrupts of a virtual processor that wait for a list register (Arm IHI 0069, 4.2 and 12.4).
// Distributor and redistributors are the VMM's: it says which private interrupts are enabled, and
// requests shared ones when they are. Pure state: knows nothing of the hardware underneath.

#include <array>
#include <cstdint>
#include <span>

#include "hypervisor/abi/aarch64/vcpu_state.h"

namespace bulkhead::arch {

// ICH_LR<n>_EL2 (Arm IHI 0069, 12.4.8). Everything is of group 1.
inline constexpr uint64_t kListPending = uint64_t{1} << 62;
inline constexpr uint64_t kListActive = uint64_t{1} << 63;
inline constexpr uint64_t kListHardware = uint64_t{1} << 61;
inline constexpr uint64_t kListGroup1 = uint64_t{1} << 60;
inline constexpr unsigned kListPriorityShift = 48;
inline constexpr unsigned kListPhysicalShift = 32;
constexpr uint32_t ListIntid(uint64_t lr) { return static_cast<uint32_t>(lr); }

class GuestGic {
 public:
  // `timer`: the guest's private interrupt behind which there is the machine's `physical_timer`, of
  // a number of its own: the guest's deactivation ends both.
  void Initialize(uint32_t timer, uint32_t physical_timer) {
    timer_ = timer;
    physical_timer_ = physical_timer;
  }

  // What the redistributor says of INTIDs 0 to 31.
  void SetPrivate(uint32_t enabled, std::span<const uint8_t, abi::kPrivateInterrupts> priority);

  // Makes an interrupt pending; true if it was not. `intid` below abi::kInterrupts; the priority
  // counts for shared ones only, which are taken as enabled.
  bool Request(uint32_t intid, uint8_t priority);

  // Whether an interrupt waits that the guest could have.
  bool waiting() const {
    return (pending_[0] & ~uint64_t{0xffffffff}) != 0 || pending_[1] != 0 || pending_[2] != 0 ||
           pending_[3] != 0 || (static_cast<uint32_t>(pending_[0]) & enabled_) != 0;
  }
  // Whether the timer's interrupt waits, and whether the guest wants it at all.
  bool timer_waiting() const { return (pending_[0] >> timer_ & 1) != 0; }
  bool timer_enabled() const { return (enabled_ >> timer_ & 1) != 0; }

  // Moves interrupts into list registers, the most urgent first; false if some have to wait for one
  // to become free.
  bool Fill(std::span<uint64_t> list);

  // The timer does not ask any more: takes its interrupt back unless the guest is handling it.
  // True: it was there; its physical one, which is active, is to be active no longer.
  bool WithdrawTimer(std::span<uint64_t> list);

  // Whether the timer's interrupt is in a list register: its physical one is active then.
  static bool HoldsHardware(std::span<const uint64_t> list);
  static bool HoldsPending(std::span<const uint64_t> list);

 private:
  bool Enabled(uint32_t intid) const {
    return intid >= abi::kPrivateInterrupts || (enabled_ >> intid & 1) != 0;
  }
  // The most urgent; -1: none.
  int Best() const;
  uint64_t ListEntry(uint32_t intid) const;

  std::array<uint64_t, abi::kInterrupts / 64> pending_ = {};
  std::array<uint8_t, abi::kInterrupts> priority_ = {};
  uint32_t enabled_ = 0;
  uint32_t timer_ = 0;
  uint32_t physical_timer_ = 0;
};

}  // namespace bulkhead::arch

#endif  // BULKHEAD_ARCH_AARCH64_GUEST_GIC_H_
