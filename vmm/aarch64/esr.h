// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_VMM_AARCH64_ESR_H_
#define BULKHEAD_VMM_AARCH64_ESR_H_

// The exception syndrome of exits (Arm ARM DDI 0487, D17.2.37).

#include <cstdint>

namespace bulkhead {

// EC, bits 31:26.
enum class ExceptionClass : uint32_t {
  kUnknown = 0x00,
  kFloatingPoint = 0x07,
  kPointerAuthentication = 0x09,
  kLoadStore64 = 0x0a,
  kHvc64 = 0x16,
  kSmc64 = 0x17,
  kSystemRegister = 0x18,
  kSve = 0x19,
  kPointerAuthenticationFault = 0x1c,
  kSme = 0x1d,
  kDataAbort = 0x24,
};

constexpr ExceptionClass ClassOf(uint64_t esr) {
  return static_cast<ExceptionClass>(esr >> 26 & 0x3f);
}

// Bits `high` to `low`.
constexpr uint32_t EsrField(uint64_t esr, uint32_t high, uint32_t low) {
  return static_cast<uint32_t>(esr >> low) & ((2u << (high - low)) - 1);
}

}  // namespace bulkhead

#endif  // BULKHEAD_VMM_AARCH64_ESR_H_
