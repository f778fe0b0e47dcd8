// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_GUEST_INIT_AGENT_CHANNEL_H_
#define BULKHEAD_GUEST_INIT_AGENT_CHANNEL_H_

// The agent port and what waits to be written to it.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "guest/agent/protocol.h"

namespace bulkhead {

class AgentChannel {
 public:
  // `fd` is non-blocking and open for reading and writing; the channel does not own it.
  explicit AgentChannel(int fd) : fd_(fd) {}

  int fd() const { return fd_; }

  // Puts a message at the end of what is to be written. `payload` is at most kAgentMaxPayload.
  void Send(AgentMessage type, uint8_t container, std::span<const uint8_t> payload);
  void Send(AgentMessage type, uint8_t container, uint32_t value);
  void Send(AgentMessage type, uint8_t container = 0) {
    Send(type, container, std::span<const uint8_t>());
  }
  // kFailed, and kLog: text is made one line and cut at kMaxText bytes.
  void SendFailed(uint8_t container, uint32_t status, std::string_view text);
  void SendLog(std::string_view text);

  // Writes as much as the port takes now. False when the port is broken or the host has gone.
  bool Write();

  bool pending() const { return written_ < queue_.size(); }
  // Whether a message of full size may be queued: what bounds the queue's memory.
  bool has_room() const { return queue_.size() - written_ < kAgentMaxPayload; }

  static constexpr size_t kMaxText = 1000;  // bytes

 private:
  const int fd_;
  std::vector<uint8_t> queue_;
  size_t written_ = 0;  // bytes of queue_ that are out
};

// Opens the virtio-console port called kAgentPortName, waiting for the kernel to find it and for
// the host to connect to it. The caller owns the descriptor (non-blocking); -1 after `timeout_ms`.
int OpenAgentPort(int timeout_ms);

}  // namespace bulkhead

#endif  // BULKHEAD_GUEST_INIT_AGENT_CHANNEL_H_
