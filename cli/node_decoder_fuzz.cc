// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

#include "cli/node_decoder.h"

namespace bulkhead {
namespace {

class Ignore : public NodeFrameHandler {
 public:
  void OnNodeHello(uint32_t, uint32_t) override {}
  void OnAgentOutput(uint16_t, std::span<const std::byte> bytes) override { Use(bytes.size()); }
  void OnConsole(uint16_t, std::span<const std::byte> bytes) override { Use(bytes.size()); }
  void OnLog(uint16_t, const std::string&) override {}
  void OnAgentCredit(uint16_t, uint32_t) override {}
  void OnPodEnded(uint16_t, PodEnd, const std::string&) override {}
  void OnNodeEnded() override {}
  void OnNodeError(const std::string&) override {}

  void Use(size_t size) {
    if (size == 0) __builtin_trap();  // promised never to be empty
  }
};

}  // namespace
}  // namespace bulkhead

// The first byte says in pieces of what size the rest comes.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const size_t piece = size_t{data[0]} + 1;
  std::span<const std::byte> rest(reinterpret_cast<const std::byte*>(data) + 1, size - 1);
  bulkhead::Ignore handler;
  bulkhead::NodeFrameDecoder decoder(&handler);
  while (!rest.empty()) {
    const size_t n = std::min(piece, rest.size());
    const bool good = decoder.Feed(rest.first(n));
    if (good != decoder.error().empty()) __builtin_trap();
    rest = rest.subspan(n);
  }
  return 0;
}
