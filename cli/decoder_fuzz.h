// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_CLI_DECODER_FUZZ_H_
#define BULKHEAD_CLI_DECODER_FUZZ_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

namespace bulkhead {

// Feeds a stream decoder in pieces: the input's first byte says of what size.
template <typename Decoder, typename Handler>
void FuzzDecoder(const uint8_t* data, size_t size) {
  if (size == 0) return;
  const size_t piece = size_t{data[0]} + 1;
  std::span<const std::byte> rest(reinterpret_cast<const std::byte*>(data) + 1, size - 1);
  Handler handler;
  Decoder decoder(&handler);
  while (!rest.empty()) {
    const size_t n = std::min(piece, rest.size());
    const bool good = decoder.Feed(rest.first(n));
    if (good != decoder.error().empty()) __builtin_trap();
    rest = rest.subspan(n);
  }
}

// Output that was promised never to be empty.
inline void UseOutput(std::span<const std::byte> bytes) {
  if (bytes.empty()) __builtin_trap();
}

}  // namespace bulkhead

#endif  // BULKHEAD_CLI_DECODER_FUZZ_H_
