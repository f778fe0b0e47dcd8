// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "arch/aarch64/guest_gic.h"

#include <algorithm>
#include <bit>

namespace bulkhead::arch {

void GuestGic::SetPrivate(uint32_t enabled,
                          std::span<const uint8_t, abi::kPrivateInterrupts> priority) {
  enabled_ = enabled;
  std::copy(priority.begin(), priority.end(), priority_.begin());
}

bool GuestGic::Request(uint32_t intid, uint8_t priority) {
  if (intid >= abi::kPrivateInterrupts) priority_[intid] = priority;
  uint64_t& word = pending_[intid / 64];
  const uint64_t bit = uint64_t{1} << (intid % 64);
  const bool fresh = (word & bit) == 0;
  word |= bit;
  return fresh;
}

int GuestGic::Best() const {
  int best = -1;
  for (uint32_t word = 0; word < pending_.size(); ++word) {
    uint64_t bits = pending_[word];
    if (word == 0) bits &= ~uint64_t{0xffffffff} | enabled_;
    for (; bits != 0; bits &= bits - 1) {
      const int intid = static_cast<int>(word * 64) + std::countr_zero(bits);
      if (best < 0 || priority_[intid] < priority_[best]) best = intid;
    }
  }
  return best;
}

uint64_t GuestGic::ListEntry(uint32_t intid) const {
  uint64_t entry =
      kListPending | kListGroup1 | uint64_t{priority_[intid]} << kListPriorityShift | intid;
  if (intid == timer_) entry |= kListHardware | uint64_t{physical_timer_} << kListPhysicalShift;
  return entry;
}

bool GuestGic::Fill(std::span<uint64_t> list) {
  for (;;) {
    const int best = Best();
    if (best < 0) return true;
    const auto intid = static_cast<uint32_t>(best);
    uint64_t* place = nullptr;
    for (uint64_t& lr : list) {
      const bool used = (lr & (kListPending | kListActive)) != 0;
      if (used && ListIntid(lr) == intid) {
        // Again while it is pending or being handled (IHI 0069, 4.1.2).
        lr |= kListPending;
        place = &lr;
        break;
      }
      if (!used && place == nullptr) place = &lr;
    }
    if (place == nullptr) return false;
    if ((*place & kListPending) == 0 || ListIntid(*place) != intid) *place = ListEntry(intid);
    pending_[intid / 64] &= ~(uint64_t{1} << (intid % 64));
  }
}

bool GuestGic::WithdrawTimer(std::span<uint64_t> list) {
  bool found = timer_waiting();
  pending_[timer_ / 64] &= ~(uint64_t{1} << (timer_ % 64));
  constexpr uint64_t kState = kListHardware | kListPending | kListActive;
  for (uint64_t& lr : list) {
    if ((lr & kState) != (kListHardware | kListPending)) continue;
    lr = 0;
    found = true;
  }
  return found;
}

bool GuestGic::HoldsHardware(std::span<const uint64_t> list) {
  return std::any_of(list.begin(), list.end(), [](uint64_t lr) {
    return (lr & kListHardware) != 0 && (lr & (kListPending | kListActive)) != 0;
  });
}

bool GuestGic::HoldsPending(std::span<const uint64_t> list) {
  return std::any_of(list.begin(), list.end(),
                     [](uint64_t lr) { return (lr & kListPending) != 0; });
}

}  // namespace bulkhead::arch
