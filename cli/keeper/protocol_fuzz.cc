// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>

#include "cli/keeper/protocol.h"

// The first byte says in pieces of what size the stream comes.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using bulkhead::ControlDecoder;
  using bulkhead::EncodeRequest;
  using bulkhead::kControlMaxRequest;
  using bulkhead::ParseRequest;
  if (size == 0) return 0;
  const size_t piece = size_t{data[0]} + 1;
  const std::string stream(reinterpret_cast<const char*>(data) + 1, size - 1);
  ControlDecoder decoder(kControlMaxRequest);
  for (size_t at = 0; at < stream.size(); at += piece) {
    decoder.Feed({stream.data() + at, std::min(piece, stream.size() - at)});
    while (const auto frame = decoder.Next()) {
      if (frame->payload.size() > kControlMaxRequest) __builtin_trap();
    }
  }
  // What is understood survives being said again.
  const auto request = ParseRequest(stream);
  if (request.ok() && !ParseRequest(EncodeRequest(*request)).ok()) __builtin_trap();
  return 0;
}
