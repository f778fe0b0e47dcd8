// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_CLI_AGENT_DECODER_H_
#define BULKHEAD_CLI_AGENT_DECODER_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "guest/agent/protocol.h"

namespace bulkhead {

// What a pod's guest says, checked. Spans and strings live only for the call.
class AgentHandler {
 public:
  virtual ~AgentHandler() = default;
  virtual void OnAgentHello() = 0;
  virtual void OnStarted() = 0;
  virtual void OnStdout(std::span<const std::byte> bytes) = 0;  // a part of a message or all of it
  virtual void OnStderr(std::span<const std::byte> bytes) = 0;
  virtual void OnExited(uint32_t status) = 0;
  virtual void OnFailed(uint32_t status, const std::string& text) = 0;
  virtual void OnAgentLog(const std::string& line) = 0;
  virtual void OnStdinCredit(uint32_t bytes) = 0;
};

// Takes the agent channel's stream in pieces of any size. The guest is hostile: the first message
// that breaks a rule of guest/agent/protocol.h ends it.
class AgentDecoder {
 public:
  explicit AgentDecoder(AgentHandler* handler) : handler_(handler) {}

  // False when the stream is broken, now or before.
  bool Feed(std::span<const std::byte> bytes);
  const std::string& error() const { return error_; }

 private:
  bool Fail(const char* error);
  bool StartMessage();
  bool FinishMessage();

  AgentHandler* const handler_;
  std::string error_;
  AgentHeader header_ = {};
  std::byte header_bytes_[sizeof(AgentHeader)] = {};
  size_t header_used_ = 0;
  uint32_t remaining_ = 0;  // bytes of payload still to come
  std::string payload_;     // of messages that are not passed on in parts
  bool have_hello_ = false;
  bool have_started_ = false;
  bool ended_ = false;
};

// A whole message.
std::string EncodeAgentMessage(AgentMessage type, const std::string& payload);
std::string EncodeAgentMessage(AgentMessage type, uint32_t value);

}  // namespace bulkhead

#endif  // BULKHEAD_CLI_AGENT_DECODER_H_
