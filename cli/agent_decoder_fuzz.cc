// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include <cstddef>
#include <cstdint>
#include <span>

#include "cli/agent_decoder.h"
#include "cli/decoder_fuzz.h"

namespace bulkhead {
namespace {

constexpr size_t kContainers = 3;

class Ignore : public AgentHandler {
 public:
  void OnAgentHello() override {}
  void OnStarted(size_t container) override { Use(container); }
  void OnStdout(size_t container, std::span<const std::byte> bytes) override {
    Use(container);
    UseOutput(bytes);
  }
  void OnStderr(size_t container, std::span<const std::byte> bytes) override {
    Use(container);
    UseOutput(bytes);
  }
  void OnExited(size_t container, uint32_t) override { Use(container); }
  void OnFailed(size_t container, uint32_t, const std::string&) override { Use(container); }
  void OnPodFailed(uint32_t, const std::string&) override {}
  void OnPodEnded() override {}
  void OnAgentLog(const std::string&) override {}
  void OnStdinCredit(uint32_t) override {}

 private:
  static void Use(size_t container) {
    if (container >= kContainers) __builtin_trap();
  }
};

class ThreeContainers : public AgentDecoder {
 public:
  explicit ThreeContainers(AgentHandler* handler) : AgentDecoder(handler, kContainers) {}
};

}  // namespace
}  // namespace bulkhead

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  bulkhead::FuzzDecoder<bulkhead::ThreeContainers, bulkhead::Ignore>(data, size);
  return 0;
}
