// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_CLI_NODE_DECODER_H_
#define BULKHEAD_CLI_NODE_DECODER_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "control/node_frame.h"
#include "control/node_stats.h"

namespace bulkhead {

// What the node says, checked. Spans and strings live only for the call.
class NodeFrameHandler {
 public:
  virtual ~NodeFrameHandler() = default;
  virtual void OnNodeHello(uint32_t version, uint32_t pods) = 0;
  virtual void OnAgentOutput(uint16_t pod, std::span<const std::byte> bytes) = 0;
  virtual void OnConsole(uint16_t pod, std::span<const std::byte> bytes) = 0;
  virtual void OnLog(uint16_t pod, const std::string& line) = 0;
  virtual void OnAgentCredit(uint16_t pod, uint32_t bytes) = 0;
  virtual void OnPodEnded(uint16_t pod, PodEnd end, const std::string& text) = 0;
  // One PodStats for every pod, by index.
  virtual void OnStats(const NodeStats& node, std::span<const PodStats> pods) = 0;
  virtual void OnNodeEnded() = 0;
  virtual void OnNodeError(const std::string& text) = 0;
};

// Takes the node channel's stream in pieces of any size. The first frame that breaks a rule of
// control/node_frame.h ends it: nothing after it is looked at. Holds one frame at most.
class NodeFrameDecoder {
 public:
  explicit NodeFrameDecoder(NodeFrameHandler* handler) : handler_(handler) {}

  // False when the stream is broken, now or before.
  bool Feed(std::span<const std::byte> bytes);
  const std::string& error() const { return error_; }

  // A kTaken frame for the node when enough has been taken since the last, else nothing. To be
  // asked after every Feed.
  std::string TakeAcknowledgement();

 private:
  bool Fail(const char* error);
  bool CheckHeader();
  bool Dispatch();
  bool DispatchStats(std::span<const std::byte> payload);

  NodeFrameHandler* const handler_;
  std::string error_;
  NodeFrameHeader header_ = {};
  std::vector<std::byte> buffer_;  // header, then payload
  bool have_header_ = false;
  bool have_hello_ = false;
  uint32_t taken_bytes_ = 0;  // since the last acknowledgement
  uint32_t taken_frames_ = 0;
};

// A whole frame.
std::string EncodeNodeFrame(NodeFrameType type, uint16_t pod, const std::string& payload);

}  // namespace bulkhead

#endif  // BULKHEAD_CLI_NODE_DECODER_H_
