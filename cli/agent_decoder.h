// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_CLI_AGENT_DECODER_H_
#define BULKHEAD_CLI_AGENT_DECODER_H_

#include <bitset>
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
  // Of the container with this number.
  virtual void OnStarted(size_t container) = 0;
  // A part of a message or all of it.
  virtual void OnStdout(size_t container, std::span<const std::byte> bytes) = 0;
  virtual void OnStderr(size_t container, std::span<const std::byte> bytes) = 0;
  virtual void OnExited(size_t container, uint32_t status) = 0;
  // It could not be started.
  virtual void OnFailed(size_t container, uint32_t status, const std::string& text) = 0;
  // Nothing comes after these.
  virtual void OnPodFailed(uint32_t status, const std::string& text) = 0;
  virtual void OnPodEnded() = 0;
  virtual void OnAgentLog(const std::string& line) = 0;
  virtual void OnStdinCredit(uint32_t bytes) = 0;
};

// Takes the agent channel's stream in pieces of any size. The guest is hostile: the first message
// that breaks a rule of guest/agent/protocol.h ends it.
class AgentDecoder {
 public:
  // `containers`: of the pod, at most kAgentMaxContainers.
  AgentDecoder(AgentHandler* handler, size_t containers)
      : handler_(handler), containers_(containers) {}

  // False when the stream is broken, now or before.
  bool Feed(std::span<const std::byte> bytes);
  const std::string& error() const { return error_; }

 private:
  bool Fail(const char* error);
  // Whether a message of this length may come now.
  bool Fits() const;
  bool StartMessage();
  bool FinishMessage();
  bool FinishFailed();

  AgentHandler* const handler_;
  const size_t containers_;
  std::string error_;
  AgentHeader header_ = {};
  std::byte header_bytes_[sizeof(AgentHeader)] = {};
  size_t header_used_ = 0;
  uint32_t remaining_ = 0;  // bytes of payload still to come
  std::string payload_;     // of messages that are not passed on in parts
  bool have_hello_ = false;
  std::bitset<kAgentMaxContainers> running_;
  bool some_ended_ = false;  // a container
  bool ended_ = false;       // the pod
};

// A whole message.
std::string EncodeAgentMessage(AgentMessage type, const std::string& payload,
                               uint8_t container = 0);
std::string EncodeAgentMessage(AgentMessage type, uint32_t value, uint8_t container = 0);

}  // namespace bulkhead

#endif  // BULKHEAD_CLI_AGENT_DECODER_H_
