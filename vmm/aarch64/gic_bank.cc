// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "vmm/aarch64/gic_bank.h"

namespace bulkhead {
namespace {

// Offsets of the first of each kind of register.
enum : uint32_t {
  kIgroupr = 0x080,
  kIsenabler = 0x100,
  kIcenabler = 0x180,
  kIspendr = 0x200,
  kIcpendr = 0x280,
  kBitsEnd = 0x400,
  kIpriorityr = 0x400,
  kIpriorityrEnd = 0x800,
  kIcfgr = 0xc00,
  kIcfgrEnd = 0xd00,
};
constexpr uint32_t kKindSize = 0x80;         // registers of one bit for each interrupt
constexpr uint32_t kFirstConfigurable = 16;  // SGIs are edges for ever

// Bank `index`, counted from INTID 0.
template <typename Bank>
Bank* Find(std::span<Bank> banks, uint32_t first, uint32_t index) {
  return index >= first && index - first < banks.size() ? &banks[index - first] : nullptr;
}

uint32_t ReadBits(const GicBank& bank, uint32_t kind) {
  switch (kind) {
    case kIgroupr:
      return bank.group1;
    case kIsenabler:
    case kIcenabler:
      return bank.enabled;
    case kIspendr:
    case kIcpendr:
      return bank.pending;
    default:
      return 0;
  }
}

void WriteBits(GicBank& bank, uint32_t kind, uint32_t value) {
  switch (kind) {
    case kIgroupr:
      bank.group1 = value;
      break;
    case kIsenabler:
      bank.enabled |= value;
      break;
    case kIcenabler:
      bank.enabled &= ~value;
      break;
    case kIspendr:
      bank.pending |= value;
      break;
    case kIcpendr:
      bank.pending &= ~value;
      break;
    default:
      break;
  }
}

// Two bits for each of sixteen interrupts, the upper one saying edge.
uint32_t ReadConfiguration(uint32_t edge) {
  uint32_t value = 0;
  for (uint32_t i = 0; i < 16; ++i) value |= (edge >> i & 1) << (2 * i + 1);
  return value;
}

uint32_t EdgesOf(uint32_t value) {
  uint32_t edge = 0;
  for (uint32_t i = 0; i < 16; ++i) edge |= (value >> (2 * i + 1) & 1) << i;
  return edge;
}

}  // namespace

uint64_t ReadGicBanks(std::span<const GicBank> banks, uint32_t first, uint32_t offset,
                      uint32_t width) {
  if (offset >= kIpriorityr && offset < kIpriorityrEnd && (width == 1 || width == 4)) {
    const uint32_t intid = offset - kIpriorityr;
    const GicBank* bank = Find(banks, first, intid / 32);
    uint64_t value = 0;
    for (uint32_t i = 0; bank != nullptr && i < width; ++i) {
      value |= uint64_t{bank->priority[(intid + i) % 32]} << (8 * i);
    }
    return value;
  }
  if (width != 4 || offset % 4 != 0) return 0;
  if (offset >= kIgroupr && offset < kBitsEnd) {
    const GicBank* bank = Find(banks, first, offset % kKindSize / 4);
    return bank == nullptr ? 0 : ReadBits(*bank, offset - offset % kKindSize);
  }
  if (offset >= kIcfgr && offset < kIcfgrEnd) {
    const GicBank* bank = Find(banks, first, (offset - kIcfgr) / 8);
    return bank == nullptr ? 0 : ReadConfiguration(bank->edge >> (offset % 8 * 4));
  }
  return 0;
}

void WriteGicBanks(std::span<GicBank> banks, uint32_t first, uint32_t offset, uint32_t width,
                   uint64_t value) {
  if (offset >= kIpriorityr && offset < kIpriorityrEnd && (width == 1 || width == 4)) {
    const uint32_t intid = offset - kIpriorityr;
    GicBank* bank = Find(banks, first, intid / 32);
    for (uint32_t i = 0; bank != nullptr && i < width; ++i) {
      bank->priority[(intid + i) % 32] = static_cast<uint8_t>(value >> (8 * i)) & kGicPriorityMask;
    }
    return;
  }
  if (width != 4 || offset % 4 != 0) return;
  const auto bits = static_cast<uint32_t>(value);
  if (offset >= kIgroupr && offset < kBitsEnd) {
    GicBank* bank = Find(banks, first, offset % kKindSize / 4);
    if (bank != nullptr) WriteBits(*bank, offset - offset % kKindSize, bits);
  } else if (offset >= kIcfgr && offset < kIcfgrEnd) {
    GicBank* bank = Find(banks, first, (offset - kIcfgr) / 8);
    const uint32_t half = offset % 8 * 4;
    if (bank == nullptr || (offset - kIcfgr) / 4 * 16 < kFirstConfigurable) return;
    bank->edge = (bank->edge & ~(0xffffu << half)) | EdgesOf(bits) << half;
  }
}

}  // namespace bulkhead
