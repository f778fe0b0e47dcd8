// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "platform/entropy.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <iterator>

#include "hypervisor/abi/aarch64/vcpu_state.h"

namespace bulkhead {
namespace {

constexpr uint32_t kRndrField = 60;  // ID_AA64ISAR0_EL1.RNDR

ChaCha20Key SeedOf(const VmmStartup& startup) {
  static_assert(kVmmSeedBytes == kChaCha20KeyBytes);
  ChaCha20Key seed;
  std::memcpy(seed.data(), startup.seed, seed.size());
  return seed;
}

// RNDR (Arm ARM D19.2.119): a 64-bit random number, or Z set.
bool Random(uint64_t* number) {
  uint64_t ok;
  asm volatile("mrs %0, s3_3_c2_c4_0; cset %1, ne" : "=r"(*number), "=r"(ok) : : "cc");
  return ok != 0;
}

}  // namespace

PlatformEntropy::PlatformEntropy(const VmmStartup& startup, const Vcpu& vcpu)
    : generator_(SeedOf(startup)),
      has_rndr_(vcpu.state->machine_id[abi::kIdAa64Isar0] >> kRndrField != 0) {
  const bool seeded = std::any_of(std::begin(startup.seed), std::end(startup.seed),
                                  [](uint8_t byte) { return byte != 0; });
  available_ = StirWithProcessor() || seeded;
}

bool PlatformEntropy::StirWithProcessor() {
  if (!has_rndr_) return false;
  std::array<uint64_t, kChaCha20KeyBytes / sizeof(uint64_t)> numbers;
  for (uint64_t& number : numbers) {
    if (!Random(&number)) return false;
  }
  generator_.Stir(std::as_bytes(std::span(numbers)));
  return true;
}

size_t PlatformEntropy::Entropy(std::span<std::byte> out) {
  (void)StirWithProcessor();
  generator_.Fill(out);
  return out.size();
}

}  // namespace bulkhead
