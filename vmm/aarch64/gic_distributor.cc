// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "vmm/aarch64/gic_distributor.h"

#include <bit>

namespace bulkhead {
namespace {

// Arm IHI 0069, table 12-25.
enum : uint32_t {
  kCtlr = 0x0000,
  kTyper = 0x0004,
  kIidr = 0x0008,
  kIrouter = 0x6000,
  kIrouterEnd = 0x8000,
};

// GICD_CTLR when there is one security state.
constexpr uint32_t kEnableGroup1 = 1 << 1;
constexpr uint32_t kAffinityRouting = 1 << 4;
constexpr uint32_t kOneSecurityState = 1 << 6;

// GICD_TYPER: lines; ten bits of INTID; no "any processor" in IROUTER.
constexpr uint32_t kLines = layout::kInterrupts / 32 - 1;
constexpr uint32_t kIntidBits = 9 << 19;
constexpr uint32_t kNoOneOfN = 1 << 25;

constexpr uint64_t kAffinity = 0xff'00ff'ffff;

}  // namespace

uint64_t GicDistributor::ReadRoute(uint32_t offset, uint32_t width) const {
  const uint32_t intid = (offset - kIrouter) / 8;
  if (intid < layout::kFirstSpi || intid >= layout::kInterrupts) return 0;
  const uint64_t route = route_[intid - layout::kFirstSpi];
  if (width == 8 && offset % 8 == 0) return route;
  if (width == 4 && offset % 4 == 0) return static_cast<uint32_t>(route >> (offset % 8 * 8));
  return 0;
}

void GicDistributor::WriteRoute(uint32_t offset, uint32_t width, uint64_t value) {
  const uint32_t intid = (offset - kIrouter) / 8;
  if (intid < layout::kFirstSpi || intid >= layout::kInterrupts) return;
  uint64_t& route = route_[intid - layout::kFirstSpi];
  if (width == 8 && offset % 8 == 0) {
    route = value & kAffinity;
  } else if (width == 4 && offset % 4 == 0) {
    const uint32_t shift = offset % 8 * 8;
    const uint64_t mask = uint64_t{0xffffffff} << shift;
    route = ((route & ~mask) | (value << shift & mask)) & kAffinity;
  }
}

uint64_t GicDistributor::Read(uint32_t offset, uint32_t width) const {
  if (offset >= kIrouter && offset < kIrouterEnd) return ReadRoute(offset, width);
  if (width == 4) {
    switch (offset) {
      case kCtlr:
        return kOneSecurityState | kAffinityRouting | (group1_enabled_ ? kEnableGroup1 : 0);
      case kTyper:
        return kNoOneOfN | kIntidBits | kLines;
      case kIidr:
        return kGicIidr;
      case kGicPidr2Offset:
        return kGicPidr2;
      default:
        break;
    }
  }
  return ReadGicBanks(banks_, kFirstBank, offset, width);
}

void GicDistributor::Write(uint32_t offset, uint32_t width, uint64_t value) {
  if (offset >= kIrouter && offset < kIrouterEnd) {
    WriteRoute(offset, width, value);
  } else if (offset == kCtlr && width == 4) {
    group1_enabled_ = (value & kEnableGroup1) != 0;
  } else {
    WriteGicBanks(banks_, kFirstBank, offset, width, value);
  }
}

void GicDistributor::Raise(uint32_t intid) {
  if (intid < layout::kFirstSpi || intid >= layout::kInterrupts) return;
  banks_[intid / 32 - kFirstBank].pending |= 1u << intid % 32;
}

std::optional<GicDelivery> GicDistributor::Next() {
  if (!group1_enabled_) return std::nullopt;
  for (uint32_t i = 0; i < banks_.size(); ++i) {
    GicBank& bank = banks_[i];
    for (uint32_t bits = bank.deliverable(); bits != 0; bits &= bits - 1) {
      const auto bit = static_cast<uint32_t>(std::countr_zero(bits));
      const uint64_t target = route_[i * 32 + bit];
      if (target >= cpus_) continue;  // nobody's: it stays pending
      bank.pending &= ~(1u << bit);
      return GicDelivery{static_cast<uint32_t>(target), layout::kFirstSpi + i * 32 + bit,
                         bank.priority[bit]};
    }
  }
  return std::nullopt;
}

}  // namespace bulkhead
