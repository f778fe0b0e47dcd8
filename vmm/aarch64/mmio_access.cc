// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "vmm/aarch64/mmio_access.h"

#include "vmm/aarch64/esr.h"

namespace bulkhead {
namespace {

constexpr uint8_t kZeroRegister = 31;

// ISS of a data abort (Arm ARM D17.2.37).
constexpr uint64_t kValid = 1 << 24;            // ISV
constexpr uint64_t kSignExtend = 1 << 21;       // SSE
constexpr uint64_t kSixtyFour = 1 << 15;        // SF
constexpr uint64_t kCacheMaintenance = 1 << 8;  // CM
constexpr uint64_t kTableWalk = 1 << 7;         // S1PTW
constexpr uint64_t kWrite = 1 << 6;             // WnR

uint64_t Truncate(uint64_t value, uint32_t bytes) {
  return bytes >= 8 ? value : value & ((uint64_t{1} << (8 * bytes)) - 1);
}

}  // namespace

std::optional<MmioAccess> DecodeMmio(uint64_t esr, MmioAccessError& error) {
  if ((esr & kTableWalk) != 0) {
    error.text = "where a page table of the guest would lie";
    return std::nullopt;
  }
  if ((esr & kCacheMaintenance) != 0) {
    error.text = "where there is no memory, by cache maintenance";
    return std::nullopt;
  }
  if ((esr & kValid) == 0) {
    error.text = "where there is no memory, by an instruction without a valid syndrome";
    return std::nullopt;
  }
  MmioAccess access;
  access.width = static_cast<uint8_t>(1 << EsrField(esr, 23, 22));
  access.gpr = static_cast<uint8_t>(EsrField(esr, 20, 16));
  access.write = (esr & kWrite) != 0;
  access.sign_extend = (esr & kSignExtend) != 0;
  access.wide_register = (esr & kSixtyFour) != 0;
  return access;
}

uint64_t StoreValue(const MmioAccess& access, std::span<const uint64_t, 31> gpr) {
  return access.gpr == kZeroRegister ? 0 : Truncate(gpr[access.gpr], access.width);
}

void FinishLoad(const MmioAccess& access, uint64_t value, std::span<uint64_t, 31> gpr) {
  if (access.gpr == kZeroRegister) return;
  value = Truncate(value, access.width);
  if (access.sign_extend) {
    const uint64_t sign = uint64_t{1} << (8 * access.width - 1);
    value = (value ^ sign) - sign;
  }
  // Writes of Wt clear the upper half (Arm ARM C1.2.5).
  gpr[access.gpr] = access.wide_register ? value : Truncate(value, 4);
}

}  // namespace bulkhead
