// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_VMM_CHACHA20_H_
#define BULKHEAD_VMM_CHACHA20_H_

// Random bytes without end from a seed: ChaCha20 (RFC 8439) with fast key erasure, so that whoever
// reads the generator's state does not learn what it gave before.

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace bulkhead {

inline constexpr size_t kChaCha20KeyBytes = 32;
inline constexpr size_t kChaCha20BlockBytes = 64;
using ChaCha20Key = std::array<std::byte, kChaCha20KeyBytes>;

// RFC 8439, 2.3: block number `counter` of the key stream.
void ChaCha20Block(const ChaCha20Key& key, uint32_t counter, std::span<const std::byte, 12> nonce,
                   std::span<std::byte, kChaCha20BlockBytes> out);

class ChaCha20Generator {
 public:
  explicit ChaCha20Generator(const ChaCha20Key& seed) : key_(seed) {}

  void Fill(std::span<std::byte> out);
  // Mixes more randomness into what is there; it never gets worse by that.
  void Stir(std::span<const std::byte, kChaCha20KeyBytes> more);

 private:
  ChaCha20Key key_;
};

}  // namespace bulkhead

#endif  // BULKHEAD_VMM_CHACHA20_H_
