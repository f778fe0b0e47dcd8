// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_CONTROL_SEED_POOL_H_
#define BULKHEAD_CONTROL_SEED_POOL_H_

#include <cstddef>
#include <span>
#include <string_view>

#include "control/sha256.h"

namespace bulkhead {

// The file of the bundle that whoever starts a node may fill with random bytes, for this one start.
// Its data starts on a page.
inline constexpr std::string_view kBundleSeed = "seed";
inline constexpr size_t kMinBundleSeed = 32;   // bytes
inline constexpr size_t kMaxBundleSeed = 256;  // bytes

// Makes seeds for pods out of whatever a machine has that others do not know. What comes out is as
// good as the best of what went in.
class SeedPool {
 public:
  // What counts as enough, in bytes of randomness that nobody else knows.
  static constexpr size_t kEnough = 16;

  // Mixes `bytes` in; `secret` of them count as random.
  void Add(std::span<const std::byte> bytes, size_t secret);

  // Whether enough went in that seeds cannot be guessed.
  bool strong() const { return secret_ >= kEnough; }

  // A seed, another one each time. From one seed no other can be calculated, nor an earlier one
  // from the pool.
  Sha256Digest Take();

 private:
  Sha256Digest state_ = {};
  size_t secret_ = 0;
};

}  // namespace bulkhead

#endif  // BULKHEAD_CONTROL_SEED_POOL_H_
