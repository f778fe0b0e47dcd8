// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_GUEST_INIT_MESSAGE_PARSER_H_
#define BULKHEAD_GUEST_INIT_MESSAGE_PARSER_H_

// The guest's end of the agent channel: messages from the host (guest/agent/protocol.h).

#include <cstddef>
#include <cstdint>
#include <span>

#include "guest/agent/protocol.h"

namespace bulkhead {

class MessageHandler {
 public:
  virtual ~MessageHandler() = default;
  virtual void OnStdin(std::span<const uint8_t> bytes) = 0;  // a part of a message or all of it
  virtual void OnStdinEnd() = 0;
  virtual void OnSignal(int signal) = 0;  // 1..64
  virtual void OnEnd() = 0;
};

// Takes the stream in pieces of any size. Strict: the first message that breaks a rule ends it.
class MessageParser {
 public:
  explicit MessageParser(MessageHandler* handler) : handler_(handler) {}

  // Calls the handler for what `bytes` completes. False when the stream is broken, now or before.
  bool Feed(std::span<const uint8_t> bytes);

  // Why Feed returned false; a literal.
  const char* error() const { return error_; }

 private:
  bool Fail(const char* error);
  bool StartMessage();
  void FinishMessage();

  MessageHandler* const handler_;
  const char* error_ = nullptr;
  uint8_t header_bytes_[sizeof(AgentHeader)] = {};
  size_t header_used_ = 0;
  AgentHeader header_ = {};
  uint32_t remaining_ = 0;  // bytes of payload still to come
  uint8_t word_[4] = {};    // payload of kSignal
  uint32_t word_used_ = 0;
  bool stdin_ended_ = false;
};

}  // namespace bulkhead

#endif  // BULKHEAD_GUEST_INIT_MESSAGE_PARSER_H_
