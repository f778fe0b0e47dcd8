// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_GUEST_TESTGUEST_X86_64_FEATURES_H_
#define BULKHEAD_GUEST_TESTGUEST_X86_64_FEATURES_H_

// What CPUID offers (AMD APM 3, appendix E; Intel SDM 2A, CPUID).

#include <cstdint>

#include "guest/testguest/x86_64/cpu.h"

namespace bulkhead::testguest {

struct Feature {
  uint32_t leaf;
  uint32_t Cpuid::* word;
  uint32_t bit;
};

inline constexpr Feature kVme = {1, &Cpuid::edx, 1};
inline constexpr Feature kDebuggingExtensions = {1, &Cpuid::edx, 2};
inline constexpr Feature kPse = {1, &Cpuid::edx, 3};
inline constexpr Feature kPge = {1, &Cpuid::edx, 13};
inline constexpr Feature kMonitor = {1, &Cpuid::ecx, 3};
inline constexpr Feature kPcid = {1, &Cpuid::ecx, 17};
inline constexpr Feature kXsave = {1, &Cpuid::ecx, 26};
inline constexpr Feature kOsxsave = {1, &Cpuid::ecx, 27};
inline constexpr Feature kAvx = {1, &Cpuid::ecx, 28};
inline constexpr Feature kFsGsBase = {7, &Cpuid::ebx, 0};
inline constexpr Feature kSmep = {7, &Cpuid::ebx, 7};
inline constexpr Feature kInvpcid = {7, &Cpuid::ebx, 10};
inline constexpr Feature kSmap = {7, &Cpuid::ebx, 20};
inline constexpr Feature kUmip = {7, &Cpuid::ecx, 2};
inline constexpr Feature kRdpid = {7, &Cpuid::ecx, 22};
inline constexpr Feature kFastFxsr = {0x80000001, &Cpuid::edx, 25};
inline constexpr Feature kRdtscp = {0x80000001, &Cpuid::edx, 27};

inline bool Has(const Feature& feature) {
  return (GetCpuid(feature.leaf).*feature.word >> feature.bit & 1) != 0;
}

// Model-specific registers that several checks use.
enum Msr : uint32_t {
  kMsrEfer = 0xc0000080,
  kMsrStar = 0xc0000081,
  kMsrLstar = 0xc0000082,
  kMsrCstar = 0xc0000083,
  kMsrSfmask = 0xc0000084,
  kMsrFsBase = 0xc0000100,
  kMsrGsBase = 0xc0000101,
  kMsrKernelGsBase = 0xc0000102,
  kMsrTscAux = 0xc0000103,
};

inline constexpr uint64_t kEferSce = 1 << 0;
inline constexpr uint64_t kEferLme = 1 << 8;
inline constexpr uint64_t kEferLma = 1 << 10;
inline constexpr uint64_t kEferNxe = 1 << 11;
inline constexpr uint64_t kEferFfxsr = 1 << 14;

inline constexpr uint64_t kFlagTrap = 1 << 8;
inline constexpr uint64_t kFlagInterrupt = 1 << 9;
inline constexpr uint64_t kFlagDirection = 1 << 10;
inline constexpr uint64_t kFlagNestedTask = 1 << 14;
inline constexpr uint64_t kFlagResume = 1 << 16;
inline constexpr uint64_t kFlagAlignment = 1 << 18;
inline constexpr uint64_t kFlagIdentification = 1 << 21;

}  // namespace bulkhead::testguest

#endif  // BULKHEAD_GUEST_TESTGUEST_X86_64_FEATURES_H_
