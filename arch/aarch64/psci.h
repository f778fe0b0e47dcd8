// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_ARCH_AARCH64_PSCI_H_
#define BULKHEAD_ARCH_AARCH64_PSCI_H_

// Calls of the firmware at EL3 (Arm DEN0022, PSCI; DEN0028, SMCCC).

#include <cstdint>

namespace bulkhead::arch {

inline constexpr uint32_t kSmcccVersion = 0x8000'0000;
inline constexpr uint32_t kPsciVersion = 0x8400'0000;
inline constexpr uint32_t kPsciSystemOff = 0x8400'0008;
inline constexpr uint32_t kPsciSystemReset = 0x8400'0009;

// The calls used here have no arguments. SMCCC 1.0 lets the firmware change X0 to X17.
inline uint64_t CallPsci(uint64_t function) {
  register uint64_t x0 asm("x0") = function;
  asm volatile("smc #0"
               : "+r"(x0)
               :
               : "x1", "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13",
                 "x14", "x15", "x16", "x17", "memory");
  return x0;
}

}  // namespace bulkhead::arch

#endif  // BULKHEAD_ARCH_AARCH64_PSCI_H_
