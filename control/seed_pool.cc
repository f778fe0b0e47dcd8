// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "control/seed_pool.h"

namespace bulkhead {
namespace {

// The first byte of what is hashed says what for.
constexpr std::byte kMix{0};
constexpr std::byte kSeed{1};
constexpr std::byte kNext{2};

}  // namespace

void SeedPool::Add(std::span<const std::byte> bytes, size_t secret) {
  state_ = Sha256Of({{&kMix, 1}, state_, bytes});
  secret_ += secret;
}

Sha256Digest SeedPool::Take() {
  const Sha256Digest seed = Sha256Of({{&kSeed, 1}, state_});
  state_ = Sha256Of({{&kNext, 1}, state_});
  return seed;
}

}  // namespace bulkhead
