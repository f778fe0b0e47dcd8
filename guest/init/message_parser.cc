// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "guest/init/message_parser.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace bulkhead {

// The channel is little-endian, and so is every machine that runs this.
static_assert(std::endian::native == std::endian::little);

namespace {
constexpr uint32_t kLastSignal = 64;  // _NSIG of Linux
}  // namespace

bool MessageParser::Fail(const char* error) {
  error_ = error;
  return false;
}

bool MessageParser::StartMessage() {
  std::memcpy(&header_, header_bytes_, sizeof(header_));
  remaining_ = header_.length;
  word_used_ = 0;
  if ((header_.container | header_.reserved[0] | header_.reserved[1]) != 0) {
    return Fail("reserved bytes of a message are not zero");
  }
  switch (header_.type) {
    case AgentMessage::kStdin:
      if (stdin_ended_) return Fail("input after the end of input");
      if (remaining_ == 0 || remaining_ > kAgentMaxPayload) {
        return Fail("length of input out of range");
      }
      return true;
    case AgentMessage::kStdinEnd:
      if (stdin_ended_) return Fail("input ended twice");
      if (remaining_ != 0) return Fail("end of input with a payload");
      stdin_ended_ = true;
      return true;
    case AgentMessage::kSignal:
      if (remaining_ != sizeof(word_)) return Fail("length of a signal message is not 4");
      return true;
    case AgentMessage::kEnd:
      if (remaining_ != 0) return Fail("end message with a payload");
      return true;
    default:
      return Fail("unknown message type");
  }
}

void MessageParser::FinishMessage() {
  switch (header_.type) {
    case AgentMessage::kStdinEnd:
      handler_->OnStdinEnd();
      break;
    case AgentMessage::kSignal: {
      uint32_t signal;
      std::memcpy(&signal, word_, sizeof(signal));
      if (signal == 0 || signal > kLastSignal) {
        Fail("no such signal");
        break;
      }
      handler_->OnSignal(static_cast<int>(signal));
      break;
    }
    case AgentMessage::kEnd:
      handler_->OnEnd();
      break;
    default:
      break;  // kStdin was passed on as it came
  }
  header_used_ = 0;
}

bool MessageParser::Feed(std::span<const uint8_t> bytes) {
  while (error_ == nullptr && !bytes.empty()) {
    if (header_used_ < sizeof(header_bytes_)) {
      const size_t n = std::min(bytes.size(), sizeof(header_bytes_) - header_used_);
      std::memcpy(header_bytes_ + header_used_, bytes.data(), n);
      header_used_ += n;
      bytes = bytes.subspan(n);
      if (header_used_ < sizeof(header_bytes_)) break;
      if (!StartMessage()) break;
    } else {
      const size_t n = std::min<size_t>(bytes.size(), remaining_);
      if (header_.type == AgentMessage::kStdin) {
        handler_->OnStdin(bytes.first(n));
      } else {
        std::memcpy(word_ + word_used_, bytes.data(), n);
        word_used_ += static_cast<uint32_t>(n);
      }
      remaining_ -= static_cast<uint32_t>(n);
      bytes = bytes.subspan(n);
    }
    if (remaining_ == 0) FinishMessage();
  }
  return error_ == nullptr;
}

}  // namespace bulkhead
