// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "vmm/aarch64/smccc.h"

#include <cstring>

namespace bulkhead {
namespace {

using namespace smccc;  // NOLINT(google-build-using-namespace): the numbers are this file's words

constexpr uint32_t kVersion11 = 1 << 16 | 1;  // SMCCC and PSCI
constexpr uint32_t kTrngVersion10 = 1 << 16;  // TRNG
constexpr uint64_t kNoMigration = 2;          // MIGRATE_INFO_TYPE: there is no trusted OS
constexpr uint64_t kOn = 0, kOff = 1;         // AFFINITY_INFO
constexpr uint64_t kAffinityMask = 0xff'00ff'ffff;

// Identifies the source of randomness (DEN 0098, 2.2.3): version 4, of this project alone.
constexpr std::array<uint64_t, 4> kTrngIdentity = {0x8e1f2a4b, 0x4d0c7d36, 0x21c9b6a5, 0x0f63d894};

bool HasSixtyFour(uint32_t function) {
  switch (function) {
    case kPsciCpuSuspend:
    case kPsciCpuOn:
    case kPsciAffinityInfo:
    case kPsciSystemReset2:
    case kTrngRandom:
      return true;
    default:
      return false;
  }
}

// What PSCI_FEATURES may be asked about (DEN 0022, 5.15).
bool IsPsci(uint32_t function) {
  const uint32_t base = function & ~kSixtyFour;
  return function == kVersion || (base >= kPsciVersion && base < kPsciVersion + 0x20);
}

SmcccOutcome Return(uint64_t value) { return {SmcccOutcome::Kind::kReturn, {value}}; }

}  // namespace

bool Smccc::Exists(uint32_t function) const {
  if (function == kPvTimeFeatures || function == kPvTimeStolen) return stolen_time_ != 0;
  const uint32_t base = function & ~kSixtyFour;
  if (base != function && !HasSixtyFour(base)) return false;
  switch (base) {
    case kVersion:
    case kArchFeatures:
    case kPsciVersion:
    case kPsciCpuSuspend:
    case kPsciCpuOff:
    case kPsciCpuOn:
    case kPsciAffinityInfo:
    case kPsciMigrateInfoType:
    case kPsciSystemOff:
    case kPsciSystemReset:
    case kPsciFeatures:
    case kPsciSystemReset2:
      return true;
    case kTrngVersion:
    case kTrngFeatures:
    case kTrngUuid:
    case kTrngRandom:
      return entropy_ != nullptr;
    default:
      return false;
  }
}

uint64_t Smccc::CpuOn(uint64_t target) const {
  // The one that runs is the only one there is.
  return (target & kAffinityMask) < cpus_ ? kAlreadyOn : kInvalidParameters;
}

uint64_t Smccc::AffinityInfo(uint64_t target, uint64_t level) const {
  if (level != 0 || (target & kAffinityMask) >= cpus_) return kInvalidParameters;
  return (target & kAffinityMask) == 0 ? kOn : kOff;
}

// DEN 0098, 2.2.4: `bits` in X3, X2 and X1, from the lowest up; each holds 64 or 32 of them.
std::array<uint64_t, 4> Smccc::Random(uint64_t bits, bool sixty_four) {
  const uint64_t width = sixty_four ? 64 : 32;
  if (bits == 0 || bits > 3 * width) return {kInvalidParameters};
  std::array<std::byte, 3 * sizeof(uint64_t)> bytes = {};
  const auto wanted = std::span(bytes).first((bits + 7) / 8);
  if (entropy_->Entropy(wanted) < wanted.size()) return {kNoEntropy};
  if (bits % 8 != 0) wanted.back() &= std::byte{0xff} >> (8 - bits % 8);
  std::array<uint64_t, 4> results = {kSuccess};
  for (size_t i = 0; i < 3; ++i) {
    std::memcpy(&results[3 - i], bytes.data() + i * width / 8, width / 8);
  }
  return results;
}

SmcccOutcome Smccc::Call(std::span<const uint64_t, 4> arguments) {
  // Only W0 counts (DEN 0028, 2.7).
  const auto function = static_cast<uint32_t>(arguments[0]);
  if (!Exists(function)) return Return(kNotSupported);
  if (function == kPvTimeFeatures) {
    const auto asked = static_cast<uint32_t>(arguments[1]);
    const bool known = asked == kPvTimeFeatures || asked == kPvTimeStolen;
    return Return(known ? kSuccess : kNotSupported);
  }
  // Of the calling processor, and only the first one runs.
  if (function == kPvTimeStolen) return Return(stolen_time_);
  const bool sixty_four = (function & kSixtyFour) != 0;
  const auto argument = [&](size_t i) {
    return sixty_four ? arguments[i] : static_cast<uint32_t>(arguments[i]);
  };
  switch (function & ~kSixtyFour) {
    case kVersion:
    case kPsciVersion:
      return Return(kVersion11);
    case kPsciFeatures:
      if (!IsPsci(static_cast<uint32_t>(arguments[1]))) return Return(kNotSupported);
      [[fallthrough]];
    case kArchFeatures:
    case kTrngFeatures:
      return Return(Exists(static_cast<uint32_t>(arguments[1])) ? kSuccess : kNotSupported);
    case kPsciCpuSuspend:
      // A standby state that something ends at once, which a caller has to reckon with (DEN 0022,
      // 5.4.1); a deeper state may be answered as a shallower one.
      return Return(kSuccess);
    case kPsciCpuOff:
      return {SmcccOutcome::Kind::kCpuOff, {}};
    case kPsciCpuOn:
      return Return(CpuOn(argument(1)));
    case kPsciAffinityInfo:
      return Return(AffinityInfo(argument(1), argument(2)));
    case kPsciMigrateInfoType:
      return Return(kNoMigration);
    case kPsciSystemOff:
      return {SmcccOutcome::Kind::kPowerOff, {}};
    case kPsciSystemReset:
      return {SmcccOutcome::Kind::kReset, {}};
    case kPsciSystemReset2:
      // Type 0 is the only one of the architecture's (DEN 0022, 5.12).
      if (argument(1) != 0) return Return(kInvalidParameters);
      return {SmcccOutcome::Kind::kReset, {}};
    case kTrngVersion:
      return Return(kTrngVersion10);
    case kTrngUuid:
      return {SmcccOutcome::Kind::kReturn, kTrngIdentity};
    case kTrngRandom:
      return {SmcccOutcome::Kind::kReturn, Random(argument(1), sixty_four)};
    default:
      return Return(kNotSupported);
  }
}

}  // namespace bulkhead
