// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "cli/agent_decoder.h"

#include <algorithm>
#include <cstring>

namespace bulkhead {
namespace {

constexpr uint32_t kMaxText = 4096;  // bytes of a line
constexpr uint32_t kMaxStatus = 255;

uint32_t Word(const std::string& bytes) {
  uint32_t value;
  std::memcpy(&value, bytes.data(), sizeof(value));
  return value;
}

}  // namespace

bool AgentDecoder::Fail(const char* error) {
  error_ = error;
  payload_.clear();
  return false;
}

bool AgentDecoder::Fits() const {
  const size_t container = header_.container;
  const bool whole_pod =
      header_.type == AgentMessage::kFailed && header_.container == kAgentWholePod;
  if (container >= containers_ && !whole_pod) return false;
  const bool running = !whole_pod && running_[container];
  switch (header_.type) {
    case AgentMessage::kHello:
      return container == 0 && remaining_ == 4 && !have_hello_;
    case AgentMessage::kStarted:
      return remaining_ == 0 && !running;
    case AgentMessage::kStdout:
    case AgentMessage::kStderr:
      return remaining_ > 0 && running;
    case AgentMessage::kExited:
      return remaining_ == 4 && running;
    case AgentMessage::kFailed:
      return remaining_ >= 4 && remaining_ <= 4 + kMaxText && !running;
    case AgentMessage::kLog:
      return container == 0 && remaining_ <= kMaxText;
    case AgentMessage::kStdinCredit:
      return container == 0 && remaining_ == 4;
    case AgentMessage::kPodEnded:
      return container == 0 && remaining_ == 0 && running_.none() && some_ended_;
    default:
      return false;
  }
}

bool AgentDecoder::StartMessage() {
  std::memcpy(&header_, header_bytes_, sizeof(header_));
  remaining_ = header_.length;
  payload_.clear();
  for (const uint8_t byte : header_.reserved) {
    if (byte != 0) return Fail("reserved bytes of a message are not zero");
  }
  if (remaining_ > kAgentMaxPayload) return Fail("a message is too long");
  if (ended_) return Fail("a message came after the pod's end");
  if (!have_hello_ && header_.type != AgentMessage::kHello) {
    return Fail("the first message is no hello");
  }
  return Fits() ||
         Fail(
             "a message is of no type that a guest sends, does not fit its place, or has the "
             "wrong length");
}

bool AgentDecoder::FinishFailed() {
  const uint32_t status = Word(payload_);
  if (status < 125 || status > 127) return Fail("a failure's status is none");
  if (header_.container == kAgentWholePod) {
    ended_ = true;
    handler_->OnPodFailed(status, payload_.substr(4));
  } else {
    some_ended_ = true;
    handler_->OnFailed(header_.container, status, payload_.substr(4));
  }
  return true;
}

bool AgentDecoder::FinishMessage() {
  header_used_ = 0;
  switch (header_.type) {
    case AgentMessage::kHello:
      if (Word(payload_) != kAgentProtocolVersion)
        return Fail("it speaks another protocol version");
      have_hello_ = true;
      handler_->OnAgentHello();
      return true;
    case AgentMessage::kStarted:
      running_.set(header_.container);
      handler_->OnStarted(header_.container);
      return true;
    case AgentMessage::kExited:
      if (Word(payload_) > kMaxStatus) return Fail("an exit status is above 255");
      running_.reset(header_.container);
      some_ended_ = true;
      handler_->OnExited(header_.container, Word(payload_));
      return true;
    case AgentMessage::kFailed:
      return FinishFailed();
    case AgentMessage::kPodEnded:
      ended_ = true;
      handler_->OnPodEnded();
      return true;
    case AgentMessage::kLog:
      handler_->OnAgentLog(payload_);
      return true;
    case AgentMessage::kStdinCredit:
      handler_->OnStdinCredit(Word(payload_));
      return true;
    default:
      return true;  // output was passed on as it came
  }
}

bool AgentDecoder::Feed(std::span<const std::byte> bytes) {
  while (error_.empty()) {
    if (header_used_ < sizeof(header_bytes_)) {
      const size_t n = std::min(bytes.size(), sizeof(header_bytes_) - header_used_);
      std::copy_n(bytes.begin(), n, header_bytes_ + header_used_);
      header_used_ += n;
      bytes = bytes.subspan(n);
      if (header_used_ < sizeof(header_bytes_)) return true;
      if (!StartMessage()) return false;
    }
    const size_t n = std::min<size_t>(bytes.size(), remaining_);
    if (n > 0) {
      const auto part = bytes.first(n);
      if (header_.type == AgentMessage::kStdout) {
        handler_->OnStdout(header_.container, part);
      } else if (header_.type == AgentMessage::kStderr) {
        handler_->OnStderr(header_.container, part);
      } else {
        payload_.append(reinterpret_cast<const char*>(part.data()), n);
      }
      remaining_ -= static_cast<uint32_t>(n);
      bytes = bytes.subspan(n);
    }
    if (remaining_ > 0) return true;
    if (!FinishMessage()) return false;
  }
  return false;
}

std::string EncodeAgentMessage(AgentMessage type, const std::string& payload, uint8_t container) {
  const AgentHeader header = {type, container, {0, 0}, static_cast<uint32_t>(payload.size())};
  return std::string(reinterpret_cast<const char*>(&header), sizeof(header)) + payload;
}

std::string EncodeAgentMessage(AgentMessage type, uint32_t value, uint8_t container) {
  return EncodeAgentMessage(type, std::string(reinterpret_cast<const char*>(&value), sizeof(value)),
                            container);
}

}  // namespace bulkhead
