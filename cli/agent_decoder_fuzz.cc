// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

#include "cli/agent_decoder.h"

namespace bulkhead {
namespace {

class Ignore : public AgentHandler {
 public:
  void OnAgentHello() override {}
  void OnStarted() override {}
  void OnStdout(std::span<const std::byte> bytes) override { Use(bytes.size()); }
  void OnStderr(std::span<const std::byte> bytes) override { Use(bytes.size()); }
  void OnExited(uint32_t) override {}
  void OnFailed(uint32_t, const std::string&) override {}
  void OnAgentLog(const std::string&) override {}
  void OnStdinCredit(uint32_t) override {}

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
  bulkhead::AgentDecoder decoder(&handler);
  while (!rest.empty()) {
    const size_t n = std::min(piece, rest.size());
    const bool good = decoder.Feed(rest.first(n));
    if (good != decoder.error().empty()) __builtin_trap();
    rest = rest.subspan(n);
  }
  return 0;
}
