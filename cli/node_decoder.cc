// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "cli/node_decoder.h"

#include <algorithm>
#include <cstring>

namespace bulkhead {
namespace {

uint32_t Word(std::span<const std::byte> bytes, size_t offset) {
  uint32_t value;
  std::memcpy(&value, bytes.data() + offset, sizeof(value));
  return value;
}

std::string TextOf(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

bool NodeFrameDecoder::Fail(const char* error) {
  error_ = error;
  buffer_.clear();
  return false;
}

bool NodeFrameDecoder::CheckHeader() {
  std::memcpy(&header_, buffer_.data(), sizeof(header_));
  if (!NodeFrameHeaderValid(header_)) return Fail("a frame's header does not check");
  const uint32_t length = header_.length;
  bool fits = false;
  switch (header_.type) {
    case NodeFrameType::kHello:
      fits = length == 8 && !have_hello_;
      break;
    case NodeFrameType::kAgentOutput:
    case NodeFrameType::kConsole:
      fits = length > 0;
      break;
    case NodeFrameType::kLog:
    case NodeFrameType::kNodeError:
      fits = true;
      break;
    case NodeFrameType::kAgentCredit:
      fits = length == 4;
      break;
    case NodeFrameType::kPodEnded:
      fits = length >= 4;
      break;
    case NodeFrameType::kStats:
      fits = length >= sizeof(NodeStats) && length <= kMaxNodeStats;
      break;
    case NodeFrameType::kNodeEnded:
      fits = length == 0;
      break;
    default:
      return Fail("a frame is of no type that a node sends");
  }
  if (!fits) return Fail("a frame's length does not fit its type");
  // A node that cannot start says why, and ends, without a word about its pods.
  if (!have_hello_ && header_.type != NodeFrameType::kHello &&
      header_.type != NodeFrameType::kLog && header_.type != NodeFrameType::kNodeError &&
      header_.type != NodeFrameType::kNodeEnded) {
    return Fail("the first frame is no hello");
  }
  return true;
}

bool NodeFrameDecoder::DispatchStats(std::span<const std::byte> payload) {
  NodeStats node;
  std::memcpy(&node, payload.data(), sizeof(node));
  payload = payload.subspan(sizeof(node));
  if (node.version != kNodeStatsVersion || node.pods > kMaxNodePods ||
      payload.size() != node.pods * sizeof(PodStats)) {
    return Fail("a frame of statistics does not hold what it says");
  }
  std::vector<PodStats> pods(node.pods);
  if (!pods.empty()) std::memcpy(pods.data(), payload.data(), payload.size());
  handler_->OnStats(node, pods);
  return true;
}

bool NodeFrameDecoder::Dispatch() {
  const auto payload = std::span<const std::byte>(buffer_).subspan(sizeof(header_));
  switch (header_.type) {
    case NodeFrameType::kHello:
      have_hello_ = true;
      handler_->OnNodeHello(Word(payload, 0), Word(payload, 4));
      return true;
    case NodeFrameType::kAgentOutput:
      handler_->OnAgentOutput(header_.pod, payload);
      return true;
    case NodeFrameType::kConsole:
      handler_->OnConsole(header_.pod, payload);
      return true;
    case NodeFrameType::kLog:
      handler_->OnLog(header_.pod, TextOf(payload));
      return true;
    case NodeFrameType::kAgentCredit:
      handler_->OnAgentCredit(header_.pod, Word(payload, 0));
      return true;
    case NodeFrameType::kPodEnded: {
      const uint32_t end = Word(payload, 0);
      if (end > static_cast<uint32_t>(PodEnd::kStopped)) return Fail("a pod ended in no known way");
      handler_->OnPodEnded(header_.pod, static_cast<PodEnd>(end), TextOf(payload.subspan(4)));
      return true;
    }
    case NodeFrameType::kStats:
      return DispatchStats(payload);
    case NodeFrameType::kNodeEnded:
      handler_->OnNodeEnded();
      return true;
    case NodeFrameType::kNodeError:
      handler_->OnNodeError(TextOf(payload));
      return true;
    default:
      return Fail("a frame is of no type that a node sends");
  }
}

bool NodeFrameDecoder::Feed(std::span<const std::byte> bytes) {
  while (error_.empty()) {
    const size_t want = sizeof(header_) + (have_header_ ? header_.length : 0);
    const size_t n = std::min(bytes.size(), want - buffer_.size());
    buffer_.insert(buffer_.end(), bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(n));
    bytes = bytes.subspan(n);
    if (buffer_.size() < want) return true;
    if (!have_header_) {
      if (!CheckHeader()) return false;
      have_header_ = true;
      if (header_.length > 0) continue;
    }
    if (!Dispatch()) return false;
    taken_bytes_ += static_cast<uint32_t>(buffer_.size());
    ++taken_frames_;
    buffer_.clear();
    have_header_ = false;
  }
  return false;
}

std::string NodeFrameDecoder::TakeAcknowledgement() {
  if (taken_bytes_ < kNodeTakenBytes && taken_frames_ < kNodeTakenFrames) return {};
  const uint32_t taken[] = {taken_bytes_, taken_frames_};
  taken_bytes_ = 0;
  taken_frames_ = 0;
  return EncodeNodeFrame(NodeFrameType::kTaken, 0,
                         std::string(reinterpret_cast<const char*>(taken), sizeof(taken)));
}

std::string EncodeNodeFrame(NodeFrameType type, uint16_t pod, const std::string& payload) {
  const NodeFrameHeader header =
      MakeNodeFrameHeader(type, pod, static_cast<uint32_t>(payload.size()));
  std::string out(reinterpret_cast<const char*>(&header), sizeof(header));
  return out + payload;
}

}  // namespace bulkhead
