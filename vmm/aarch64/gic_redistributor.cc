// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "vmm/aarch64/gic_redistributor.h"

#include <bit>
#include <span>

namespace bulkhead {
namespace {

// Arm IHI 0069, table 12-27.
enum : uint32_t {
  kIidr = 0x0004,
  kTyper = 0x0008,
  kTyperHigh = 0x000c,
  kWaker = 0x0014,
};
constexpr uint32_t kSgiBase = 0x1'0000;

constexpr uint32_t kProcessorSleep = 1 << 1;
constexpr uint32_t kChildrenAsleep = 1 << 2;

}  // namespace

uint64_t GicRedistributor::ReadControl(uint32_t offset, uint32_t width) const {
  // Affinity, processor number, Last.
  const uint64_t typer = uint64_t{cpu_} << 32 | uint64_t{cpu_} << 8 | (last_ ? 1 << 4 : 0);
  if (offset == kTyper && width == 8) return typer;
  if (width != 4) return 0;
  switch (offset) {
    case kIidr:
      return kGicIidr;
    case kTyper:
      return static_cast<uint32_t>(typer);
    case kTyperHigh:
      return typer >> 32;
    case kWaker:
      return asleep_ ? kProcessorSleep | kChildrenAsleep : 0;
    case kGicPidr2Offset:
      return kGicPidr2;
    default:
      return 0;  // GICR_CTLR among them: there are no LPIs to enable
  }
}

uint64_t GicRedistributor::Read(uint32_t offset, uint32_t width) const {
  if (offset < kSgiBase) return ReadControl(offset, width);
  return ReadGicBanks(std::span(&bank_, 1), 0, offset - kSgiBase, width);
}

void GicRedistributor::Write(uint32_t offset, uint32_t width, uint64_t value) {
  if (offset >= kSgiBase) {
    WriteGicBanks(std::span(&bank_, 1), 0, offset - kSgiBase, width, value);
  } else if (offset == kWaker && width == 4) {
    asleep_ = (value & kProcessorSleep) != 0;
  }
}

std::optional<uint32_t> GicRedistributor::NextPending() {
  const uint32_t bits = bank_.deliverable();
  if (bits == 0) return std::nullopt;
  const auto intid = static_cast<uint32_t>(std::countr_zero(bits));
  bank_.pending &= ~(1u << intid);
  return intid;
}

}  // namespace bulkhead
