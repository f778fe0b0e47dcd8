// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_VMM_AARCH64_SMCCC_H_
#define BULKHEAD_VMM_AARCH64_SMCCC_H_

// The guest's firmware calls, by HVC or SMC: SMCCC 1.1 (Arm DEN 0028), PSCI 1.1 (Arm DEN 0022) and
// true random numbers (Arm DEN 0098), stolen
// time (Arm DEN 0057A). Anything else is answered with NOT_SUPPORTED.

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "virtio/rng.h"

namespace bulkhead {

// Function identifiers.
namespace smccc {

inline constexpr uint32_t kVersion = 0x8000'0000;
inline constexpr uint32_t kArchFeatures = 0x8000'0001;

inline constexpr uint32_t kPsciVersion = 0x8400'0000;
inline constexpr uint32_t kPsciCpuSuspend = 0x8400'0001;
inline constexpr uint32_t kPsciCpuOff = 0x8400'0002;
inline constexpr uint32_t kPsciCpuOn = 0x8400'0003;
inline constexpr uint32_t kPsciAffinityInfo = 0x8400'0004;
inline constexpr uint32_t kPsciMigrateInfoType = 0x8400'0006;
inline constexpr uint32_t kPsciSystemOff = 0x8400'0008;
inline constexpr uint32_t kPsciSystemReset = 0x8400'0009;
inline constexpr uint32_t kPsciFeatures = 0x8400'000a;
inline constexpr uint32_t kPsciSystemReset2 = 0x8400'0012;

inline constexpr uint32_t kTrngVersion = 0x8400'0050;
inline constexpr uint32_t kTrngFeatures = 0x8400'0051;
inline constexpr uint32_t kTrngUuid = 0x8400'0052;
inline constexpr uint32_t kTrngRandom = 0x8400'0053;

// Paravirtual time (Arm DEN0057A): with 64-bit values only.
inline constexpr uint32_t kPvTimeFeatures = 0xc500'0020;
inline constexpr uint32_t kPvTimeStolen = 0xc500'0021;

// With this bit a function takes and gives 64-bit values.
inline constexpr uint32_t kSixtyFour = 1 << 30;

inline constexpr uint64_t kSuccess = 0;
inline constexpr uint64_t kNotSupported = ~uint64_t{0};           // -1
inline constexpr uint64_t kInvalidParameters = ~uint64_t{0} - 1;  // -2
inline constexpr uint64_t kNoEntropy = ~uint64_t{0} - 2;          // -3, TRNG
inline constexpr uint64_t kAlreadyOn = ~uint64_t{0} - 3;          // -4, PSCI

}  // namespace smccc

struct SmcccOutcome {
  enum class Kind : uint8_t {
    kReturn,    // `results` go to X0 to X3
    kPowerOff,  // the guest is over
    kReset,     // so it is, and asked to start again
    kCpuOff,    // the calling processor stops
  };
  Kind kind = Kind::kReturn;
  std::array<uint64_t, 4> results = {};
};

class Smccc {
 public:
  // `cpus`: how many processors there are, of which only the first runs yet. `entropy`: for the
  // guest's requests, outlives this object; null: there is no such service. `stolen_time`: the
  // guest-physical address of the first processor's structure; 0: there is none.
  Smccc(uint32_t cpus, EntropySource* entropy, uint64_t stolen_time)
      : cpus_(cpus), entropy_(entropy), stolen_time_(stolen_time) {}

  // One call, made with these X0 to X3.
  SmcccOutcome Call(std::span<const uint64_t, 4> arguments);

 private:
  bool Exists(uint32_t function) const;
  uint64_t CpuOn(uint64_t target) const;
  uint64_t AffinityInfo(uint64_t target, uint64_t level) const;
  std::array<uint64_t, 4> Random(uint64_t bits, bool sixty_four);

  const uint32_t cpus_;
  EntropySource* const entropy_;
  const uint64_t stolen_time_;
};

}  // namespace bulkhead

#endif  // BULKHEAD_VMM_AARCH64_SMCCC_H_
