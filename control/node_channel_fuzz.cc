// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// Whatever arrives on the node channel: no frame is handed out that was not sent, none is larger
// than the protocol allows, and what went wrong once stays wrong.

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <memory>

#include "control/node_channel.h"

namespace bulkhead {
namespace {

// The first byte says in what pieces the rest arrives.
class FuzzLink : public NodeLink {
 public:
  FuzzLink(std::span<const std::byte> bytes, size_t step) : bytes_(bytes), step_(step) {}
  size_t Send(std::span<const std::byte> bytes) override { return bytes.size(); }
  size_t Receive(std::span<std::byte> out) override {
    const size_t count = std::min({out.size(), step_, bytes_.size()});
    std::copy_n(bytes_.begin(), count, out.begin());
    bytes_ = bytes_.subspan(count);
    return count;
  }

 private:
  std::span<const std::byte> bytes_;
  size_t step_;
};

class FuzzHandler : public NodeChannel::Handler {
 public:
  bool HandleFrame(NodeFrameType, uint16_t pod, std::span<const std::byte> payload) override {
    if (payload.size() > kNodeFrameMaxPayload) abort();
    for (const std::byte byte : payload) sum += static_cast<uint8_t>(byte);
    ++frames;
    return pod != 0xdead;
  }
  uint64_t sum = 0;
  uint64_t frames = 0;
};

}  // namespace
}  // namespace bulkhead

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace bulkhead;  // NOLINT: a fuzzer's entry
  if (size == 0) return 0;
  FuzzLink link(std::as_bytes(std::span(data, size)).subspan(1), size_t{data[0]} + 1);
  FuzzHandler handler;
  const auto channel = std::make_unique<NodeChannel>(link);
  const Status status = channel->Receive(handler);
  const uint64_t frames = handler.frames;
  if (frames > size / sizeof(NodeFrameHeader)) abort();
  if (channel->Receive(handler) != status || handler.frames != frames) abort();
  return 0;
}
