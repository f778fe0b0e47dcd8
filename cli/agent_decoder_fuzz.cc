// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include <cstddef>
#include <cstdint>
#include <span>

#include "cli/agent_decoder.h"
#include "cli/decoder_fuzz.h"

namespace bulkhead {
namespace {

class Ignore : public AgentHandler {
 public:
  void OnAgentHello() override {}
  void OnStarted() override {}
  void OnStdout(std::span<const std::byte> bytes) override { UseOutput(bytes); }
  void OnStderr(std::span<const std::byte> bytes) override { UseOutput(bytes); }
  void OnExited(uint32_t) override {}
  void OnFailed(uint32_t, const std::string&) override {}
  void OnAgentLog(const std::string&) override {}
  void OnStdinCredit(uint32_t) override {}
};

}  // namespace
}  // namespace bulkhead

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  bulkhead::FuzzDecoder<bulkhead::AgentDecoder, bulkhead::Ignore>(data, size);
  return 0;
}
