// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_VMM_AARCH64_MMIO_ACCESS_H_
#define BULKHEAD_VMM_AARCH64_MMIO_ACCESS_H_

// A guest's access to a device, from the syndrome of its data abort: no instruction is decoded.

#include <cstdint>
#include <optional>
#include <span>

namespace bulkhead {

struct MmioAccess {
  uint8_t width = 0;  // bytes: 1, 2, 4 or 8
  uint8_t gpr = 0;    // 31: XZR
  bool write = false;
  bool sign_extend = false;    // of a load
  bool wide_register = false;  // the load's target is Xt, not Wt
};

// Why an access cannot be answered: what follows "access to ADDRESS, " in the reason that the pod
// ends with.
struct MmioAccessError {
  const char* text = nullptr;
};

// `esr`: of an abort that came as ExitReason::kMmio. Nothing, and the reason in `error`, for what
// has no valid syndrome (pairs, writeback, vectors, exclusives, cache maintenance) and for the
// walk of the guest's own page tables.
std::optional<MmioAccess> DecodeMmio(uint64_t esr, MmioAccessError& error);

// What a store writes, the access's width wide. `gpr`: X0 to X30.
uint64_t StoreValue(const MmioAccess& access, std::span<const uint64_t, 31> gpr);
// Puts what the device answered to a load where the instruction wants it.
void FinishLoad(const MmioAccess& access, uint64_t value, std::span<uint64_t, 31> gpr);

}  // namespace bulkhead

#endif  // BULKHEAD_VMM_AARCH64_MMIO_ACCESS_H_
