// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "vmm/x86_64/msr.h"

namespace bulkhead {
namespace {

// IA32_APIC_BASE (Intel SDM 3A, 11.12.1).
constexpr uint64_t kBootstrap = 1 << 8;
constexpr uint64_t kX2apicEnable = 1 << 10;
constexpr uint64_t kApicEnable = 1 << 11;

constexpr uint64_t kSystemTimeEnable = 1;

enum class Vendor : uint8_t { kAny, kAmd, kOther };

// Registers that always read the same.
struct Fixed {
  uint32_t index;
  Vendor vendor;
  uint64_t value;
  // Bits that a write may set or clear without effect; the others must be as they read.
  uint64_t ignored;
};

constexpr Fixed kFixed[] = {
    // No microcode is loaded, none can be. Intel's way to read the revision writes 0 first.
    {msr::kMicrocode, Vendor::kAny, 0, 0},
    // Fast strings are on; branch records and precise events do not exist (Intel SDM 4, 2.1).
    {msr::kMiscEnable, Vendor::kOther, 1 << 0 | 1 << 11 | 1 << 12, 0},
    // No branch records, no single-step on branches.
    {msr::kDebugControl, Vendor::kAny, 0, 0},
    // The counter runs at the base frequency (bit 24). Kernels set bits 3, 6 and 8 for the sake of
    // errata and x87 of long ago (AMD PPR, MSRC001_0015).
    {msr::kAmdHwcr, Vendor::kAmd, 1 << 24, 1 << 3 | 1 << 6 | 1 << 8},
    // Kernels set bit 46 for access to extended PCI configuration space. There is no PCI.
    {msr::kAmdNbConfig, Vendor::kAmd, 0, uint64_t{1} << 46},
    // C1E is not entered. Read unasked by kernels on early families.
    {msr::kAmdInterruptPending, Vendor::kAmd, 0, 0},
};

const Fixed* FindFixed(uint32_t index, bool amd) {
  for (const Fixed& fixed : kFixed) {
    if (fixed.index != index) continue;
    if (fixed.vendor == Vendor::kAny || (fixed.vendor == Vendor::kAmd) == amd) return &fixed;
  }
  return nullptr;
}

}  // namespace

// The local APIC is in x2APIC mode from the beginning, so that no kernel ever looks for the
// memory-mapped one.
uint64_t GuestMsrs::ApicBase() const {
  return layout::kLocalApicBase | kApicEnable | kX2apicEnable | (bootstrap_ ? kBootstrap : 0);
}

std::optional<uint64_t> GuestMsrs::Read(uint32_t index, uint64_t guest_tsc) {
  switch (index) {
    case msr::kTsc:
      return guest_tsc;
    case msr::kApicBase:
      return ApicBase();
    case msr::kKvmWallClock:
      return wall_clock_;
    case msr::kKvmSystemTime:
      return system_time_;
    default:
      break;
  }
  if (const Fixed* fixed = FindFixed(index, amd_)) return fixed->value;
  CountUnknown(index);
  return std::nullopt;
}

bool GuestMsrs::Write(uint32_t index, uint64_t value, const GuestMemory& memory) {
  switch (index) {
    case msr::kApicBase:
      // Out of x2APIC mode there is only "disabled" (Intel SDM 3A, 11.12.5), and a processor
      // without its APIC is of no use here. The bootstrap bit is read-only.
      return (value | kBootstrap) == (ApicBase() | kBootstrap);
    case msr::kKvmWallClock:
      if (!clock_.WriteWallClock(memory, GuestPhysical{value})) return false;
      wall_clock_ = value;
      return true;
    case msr::kKvmSystemTime:
      // The structure is written once: with a stable counter nothing in it ever changes.
      if ((value & kSystemTimeEnable) != 0 &&
          !clock_.WriteTimeInfo(memory, GuestPhysical{value & ~kSystemTimeEnable})) {
        return false;
      }
      system_time_ = value;
      return true;
    default:
      break;
  }
  if (const Fixed* fixed = FindFixed(index, amd_)) {
    return (value & ~fixed->ignored) == (fixed->value & ~fixed->ignored);
  }
  CountUnknown(index);
  return false;
}

}  // namespace bulkhead
