// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include <cstddef>
#include <cstdint>
#include <span>

#include "cli/decoder_fuzz.h"
#include "cli/node_decoder.h"

namespace bulkhead {
namespace {

class Ignore : public NodeFrameHandler {
 public:
  void OnNodeHello(uint32_t, uint32_t) override {}
  void OnAgentOutput(uint16_t, std::span<const std::byte> bytes) override { UseOutput(bytes); }
  void OnConsole(uint16_t, std::span<const std::byte> bytes) override { UseOutput(bytes); }
  void OnLog(uint16_t, const std::string&) override {}
  void OnAgentCredit(uint16_t, uint32_t) override {}
  void OnPodEnded(uint16_t, PodEnd, const std::string&) override {}
  void OnStats(const NodeStats&, std::span<const PodStats>) override {}
  void OnNodeEnded() override {}
  void OnNodeError(const std::string&) override {}
};

}  // namespace
}  // namespace bulkhead

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  bulkhead::FuzzDecoder<bulkhead::NodeFrameDecoder, bulkhead::Ignore>(data, size);
  return 0;
}
