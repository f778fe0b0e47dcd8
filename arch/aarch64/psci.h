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

inline constexpr uint32_t kPsciCpuOn = 0xc400'0003;  // MPIDR, entry, its X0
inline constexpr uint64_t kPsciSuccess = 0;

// SMCCC 1.0 lets the firmware change X0 to X17.
inline uint64_t CallPsci(uint64_t function, uint64_t argument1 = 0, uint64_t argument2 = 0,
                         uint64_t argument3 = 0) {
  register uint64_t x0 asm("x0") = function;
  register uint64_t x1 asm("x1") = argument1;
  register uint64_t x2 asm("x2") = argument2;
  register uint64_t x3 asm("x3") = argument3;
  asm volatile("smc #0"
               : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3)
               :
               : "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14", "x15",
                 "x16", "x17", "memory");
  return x0;
}

}  // namespace bulkhead::arch

#endif  // BULKHEAD_ARCH_AARCH64_PSCI_H_
