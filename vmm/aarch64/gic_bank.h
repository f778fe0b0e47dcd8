// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_VMM_AARCH64_GIC_BANK_H_
#define BULKHEAD_VMM_AARCH64_GIC_BANK_H_

// Thirty-two interrupts of a GICv3, with the registers that the distributor and the second frame of
// a redistributor have at the same offsets (Arm IHI 0069, 12.9 and 12.11).
//
// What is delivered is from then on in the CPU interface: it is no longer pending here, its active
// state is not visible here (ISACTIVER reads as zero), and disabling it does not take it back.

#include <array>
#include <cstdint>
#include <optional>
#include <span>

namespace bulkhead {

// Priorities have five bits, as those of the virtual CPU interface have at least.
inline constexpr uint8_t kGicPriorityMask = 0xf8;

struct GicBank {
  uint32_t group1 = 0;
  uint32_t enabled = 0;
  uint32_t pending = 0;
  uint32_t edge = 0;  // kept for the guest to read; every line is an edge
  std::array<uint8_t, 32> priority = {};

  uint32_t deliverable() const { return pending & enabled & group1; }
};

// One access of `width` bytes at `offset` from the start of the distributor, or of SGI_base, to
// registers of which there is one bit, two bits or a byte for each interrupt. Bank i holds INTIDs
// from 32 * (first + i). Registers and widths that do not exist read as zero and ignore writes.
uint64_t ReadGicBanks(std::span<const GicBank> banks, uint32_t first, uint32_t offset,
                      uint32_t width);
void WriteGicBanks(std::span<GicBank> banks, uint32_t first, uint32_t offset, uint32_t width,
                   uint64_t value);

// The same in both frames' identification.
inline constexpr uint32_t kGicPidr2Offset = 0xffe8;
inline constexpr uint32_t kGicPidr2 = 0x3b;  // architecture 3; designer as JEP106 has it
inline constexpr uint32_t kGicIidr = uint32_t{'B'} << 24;  // product; no implementer's number

}  // namespace bulkhead

#endif  // BULKHEAD_VMM_AARCH64_GIC_BANK_H_
