// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// A virtual processor's interface to its interrupts: list registers and what goes with them (Arm
// IHI 0069, 12.4).

#include <algorithm>

#include "arch/aarch64/gic.h"
#include "arch/aarch64/registers.h"
#include "arch/aarch64/virtualization.h"
#include "arch/vcpu.h"

namespace bulkhead::arch {
namespace {

constexpr uint64_t kInterfaceOn = 1;     // ICH_HCR_EL2: En
constexpr uint64_t kUnderflow = 1 << 1;  // UIE: an exit when at most one list register is used
constexpr uint64_t kIntidMask = 0xff'ffff;

#define BULKHEAD_EACH_LIST_REGISTER(DO) \
  DO(0)                                 \
  DO(1) DO(2) DO(3) DO(4) DO(5) DO(6) DO(7) DO(8) DO(9) DO(10) DO(11) DO(12) DO(13) DO(14) DO(15)

uint64_t ReadList(uint32_t index) {
  switch (index) {
#define BULKHEAD_READ_LIST(n) \
  case n:                     \
    return BULKHEAD_READ_REGISTER(ich_lr##n##_el2);
    BULKHEAD_EACH_LIST_REGISTER(BULKHEAD_READ_LIST)
#undef BULKHEAD_READ_LIST
    default:
      return 0;
  }
}

void WriteList(uint32_t index, uint64_t value) {
  switch (index) {
#define BULKHEAD_WRITE_LIST(n)                       \
  case n:                                            \
    BULKHEAD_WRITE_REGISTER(ich_lr##n##_el2, value); \
    break;
    BULKHEAD_EACH_LIST_REGISTER(BULKHEAD_WRITE_LIST)
#undef BULKHEAD_WRITE_LIST
    default:
      break;
  }
}

}  // namespace

bool Vcpu::HoldsTimer() const {
  return gic_.timer_waiting() || GuestGic::HoldsHardware(interface_.list);
}

void Vcpu::LoadInterface() {
  for (uint32_t i = 0; i < ListRegisters(); ++i) WriteList(i, interface_.list[i]);
  BULKHEAD_WRITE_REGISTER(ich_vmcr_el2, interface_.machine_control);
  BULKHEAD_WRITE_REGISTER(ich_ap0r0_el2, interface_.active0[0]);
  BULKHEAD_WRITE_REGISTER(ich_ap1r0_el2, interface_.active1[0]);
  if (PriorityRegisters() > 1) {
    BULKHEAD_WRITE_REGISTER(ich_ap0r1_el2, interface_.active0[1]);
    BULKHEAD_WRITE_REGISTER(ich_ap1r1_el2, interface_.active1[1]);
  }
  if (PriorityRegisters() > 2) {
    BULKHEAD_WRITE_REGISTER(ich_ap0r2_el2, interface_.active0[2]);
    BULKHEAD_WRITE_REGISTER(ich_ap1r2_el2, interface_.active1[2]);
    BULKHEAD_WRITE_REGISTER(ich_ap0r3_el2, interface_.active0[3]);
    BULKHEAD_WRITE_REGISTER(ich_ap1r3_el2, interface_.active1[3]);
  }
  if (HoldsTimer()) SetTimerActive(true);
}

void Vcpu::SaveInterface() {
  for (uint32_t i = 0; i < ListRegisters(); ++i) interface_.list[i] = ReadList(i);
  interface_.machine_control = BULKHEAD_READ_REGISTER(ich_vmcr_el2);
  interface_.active0[0] = BULKHEAD_READ_REGISTER(ich_ap0r0_el2);
  interface_.active1[0] = BULKHEAD_READ_REGISTER(ich_ap1r0_el2);
  if (PriorityRegisters() > 1) {
    interface_.active0[1] = BULKHEAD_READ_REGISTER(ich_ap0r1_el2);
    interface_.active1[1] = BULKHEAD_READ_REGISTER(ich_ap1r1_el2);
  }
  if (PriorityRegisters() > 2) {
    interface_.active0[2] = BULKHEAD_READ_REGISTER(ich_ap0r2_el2);
    interface_.active1[2] = BULKHEAD_READ_REGISTER(ich_ap1r2_el2);
    interface_.active0[3] = BULKHEAD_READ_REGISTER(ich_ap0r3_el2);
    interface_.active1[3] = BULKHEAD_READ_REGISTER(ich_ap1r3_el2);
  }
  if (HoldsTimer()) SetTimerActive(false);
}

// Has `edit` change the list registers of this CPU, which are the guest's.
template <typename Edit>
void Vcpu::EditListRegisters(Edit edit) {
  std::array<uint64_t, kMaxListRegisters> before;
  const auto list = std::span(interface_.list).first(ListRegisters());
  for (uint32_t i = 0; i < list.size(); ++i) before[i] = list[i] = ReadList(i);
  edit(list);
  for (uint32_t i = 0; i < list.size(); ++i) {
    if (list[i] != before[i]) WriteList(i, list[i]);
  }
}

// Moves what waits into the list registers.
void Vcpu::FillListRegisters() {
  bool all = false;
  EditListRegisters([&](std::span<uint64_t> list) { all = gic_.Fill(list); });
  interface_control_ = kInterfaceOn | (all ? 0 : kUnderflow);
}

// The guest has disabled its timer, or moved it, since it asked for an interrupt. That is a level
// (Arm IHI 0069, 4.1): it must not stay pending. Seen at the guest's exits, as it is not told.
void Vcpu::WithdrawTimer() {
  timer_taken_ = false;
  bool found = false;
  EditListRegisters([&](std::span<uint64_t> list) { found = gic_.WithdrawTimer(list); });
  if (found) SetTimerActive(false);
}

// Whether the guest has an interrupt to wake up for. Only while it is loaded.
bool Vcpu::HoldsInterrupt() {
  for (uint32_t i = 0; i < ListRegisters(); ++i) {
    if ((ReadList(i) & kListPending) != 0) return true;
  }
  return HasPendingInterrupt();
}

void Vcpu::PrepareEntry() {
  if (gic_.waiting()) FillListRegisters();
}

// For a guest that goes on without an entry, which would write the control register.
void Vcpu::DeliverAtOnce() {
  FillListRegisters();
  BULKHEAD_WRITE_REGISTER(ich_hcr_el2, interface_control_);
}

// An interrupt came while the guest ran. True: it was the guest's own business, and is done.
bool Vcpu::TakeInterrupt() {
  const uint64_t intid = BULKHEAD_READ_REGISTER(icc_hppir1_el1) & kIntidMask;
  if (intid == Gic().virtual_timer_interrupt) {
    // Active from here on, until the guest deactivates its own: it does not come again meanwhile.
    const uint64_t taken = BULKHEAD_READ_REGISTER(icc_iar1_el1) & kIntidMask;
    if (taken != intid) {
      // A more urgent one came in between, or the timer has changed its mind.
      HandleAcknowledged(taken);
      return false;
    }
    BULKHEAD_WRITE_REGISTER(icc_eoir1_el1, taken);
    gic_.Request(abi::kVirtualTimerInterrupt, 0);
    timer_taken_ = true;
  } else if (intid != Gic().maintenance_interrupt) {
    return false;
  }
  DeliverAtOnce();
  return true;
}

bool Vcpu::Receives(const Sent& sent) const {
  constexpr uint64_t kAllOthers = uint64_t{1} << 40;       // IRM
  constexpr uint64_t kAffinities = 0x00ff'00ff'00ff'0000;  // Aff3, Aff2, Aff1: all zero here
  if ((sent.request & kAllOthers) != 0) return true;
  if ((sent.request & kAffinities) != 0) return false;
  const uint64_t range = sent.request >> 44 & 0xf;
  return id_ / 16 == range && (sent.request >> (id_ % 16) & 1) != 0;
}

// The guest wrote ICC_SGI1R_EL1 (Arm IHI 0069, 12.2.19). True: only for itself, and done.
bool Vcpu::SendInterrupt() {
  constexpr uint64_t kTargets = 0xffff;
  constexpr uint64_t kAllOthers = uint64_t{1} << 40;
  const uint64_t source = esr_ >> 5 & 0x1f;
  sent_ = source < abi::kGprCount ? gpr_[source] : 0;
  const bool self = (sent_ & kAllOthers) == 0 && Receives({sent_, 0});
  if (self) gic_.Request(static_cast<uint32_t>(LastSent().interrupt), 0);
  Advance();
  const uint64_t mine = self ? uint64_t{1} << (id_ % 16) : 0;
  sending_ = (sent_ & kAllOthers) != 0 || (sent_ & kTargets & ~mine) != 0;
  if (sending_) return false;
  if (gic_.waiting()) DeliverAtOnce();
  return true;
}

}  // namespace bulkhead::arch
