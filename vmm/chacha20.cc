// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "vmm/chacha20.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace bulkhead {
namespace {

using State = std::array<uint32_t, 16>;

// Words are little-endian, as are all processors that this runs on.
static_assert(std::endian::native == std::endian::little);

void QuarterRound(State& s, uint32_t a, uint32_t b, uint32_t c, uint32_t d) {
  s[a] += s[b], s[d] = std::rotl(s[d] ^ s[a], 16);
  s[c] += s[d], s[b] = std::rotl(s[b] ^ s[c], 12);
  s[a] += s[b], s[d] = std::rotl(s[d] ^ s[a], 8);
  s[c] += s[d], s[b] = std::rotl(s[b] ^ s[c], 7);
}

}  // namespace

void ChaCha20Block(const ChaCha20Key& key, uint32_t counter, std::span<const std::byte, 12> nonce,
                   std::span<std::byte, kChaCha20BlockBytes> out) {
  State initial = {0x61707865, 0x3320646e, 0x79622d32, 0x6b206574};
  std::memcpy(&initial[4], key.data(), key.size());
  initial[12] = counter;
  std::memcpy(&initial[13], nonce.data(), nonce.size());
  State state = initial;
  for (int i = 0; i < 10; ++i) {
    QuarterRound(state, 0, 4, 8, 12);
    QuarterRound(state, 1, 5, 9, 13);
    QuarterRound(state, 2, 6, 10, 14);
    QuarterRound(state, 3, 7, 11, 15);
    QuarterRound(state, 0, 5, 10, 15);
    QuarterRound(state, 1, 6, 11, 12);
    QuarterRound(state, 2, 7, 8, 13);
    QuarterRound(state, 3, 4, 9, 14);
  }
  for (size_t i = 0; i < state.size(); ++i) state[i] += initial[i];
  std::memcpy(out.data(), state.data(), out.size());
}

// Each block is of a key of its own: its first half is the next block's key.
void ChaCha20Generator::Fill(std::span<std::byte> out) {
  constexpr std::array<std::byte, 12> kNoNonce = {};
  std::array<std::byte, kChaCha20BlockBytes> block;
  while (!out.empty()) {
    ChaCha20Block(key_, 0, kNoNonce, block);
    std::memcpy(key_.data(), block.data(), key_.size());
    const size_t count = std::min(out.size(), block.size() - key_.size());
    std::memcpy(out.data(), block.data() + key_.size(), count);
    out = out.subspan(count);
  }
}

void ChaCha20Generator::Stir(std::span<const std::byte, kChaCha20KeyBytes> more) {
  for (size_t i = 0; i < key_.size(); ++i) key_[i] ^= more[i];
  ChaCha20Key next;
  Fill(next);
  key_ = next;
}

}  // namespace bulkhead
