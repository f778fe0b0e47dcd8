// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_CONTROL_NODE_CHANNEL_H_
#define BULKHEAD_CONTROL_NODE_CHANNEL_H_

// The supervisor's end of the node channel: frames out, frames in, over a byte link. No more is
// queued or under way than the protocol's window: a reader that stops holds the node back, and
// nothing is lost.

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/status.h"
#include "control/node_frame.h"
#include "control/node_link.h"

namespace bulkhead {

class NodeChannel {
 public:
  class Handler {
   public:
    // A frame for the node; `payload` is valid during the call. False: the sender broke the rules.
    virtual bool HandleFrame(NodeFrameType type, uint16_t pod,
                             std::span<const std::byte> payload) = 0;

   protected:
    ~Handler() = default;
  };

  explicit NodeChannel(NodeLink& link) : link_(link) {}
  NodeChannel(const NodeChannel&) = delete;
  NodeChannel& operator=(const NodeChannel&) = delete;

  // Room for a frame with at least one byte of payload: how much payload may be sent now.
  size_t Room() const;
  // Queues a frame; false, and nothing queued, if its payload is larger than Room().
  bool Send(NodeFrameType type, uint16_t pod, std::span<const std::byte> payload);
  bool Send(NodeFrameType type, uint16_t pod, std::string_view text) {
    return Send(type, pod, std::as_bytes(std::span(text)));
  }

  // Moves bytes between the queue and the link. True when everything queued is with the link.
  bool Flush();
  // Takes frames from the link and hands them out. kCorrupt: the stream is not one of frames, the
  // link has lost bytes of it, or a handler refused one; nothing more will be received.
  Status Receive(Handler& handler);

  // Bytes that the link and the other side have taken so far: grows while there is progress.
  uint64_t moved() const { return moved_; }

 private:
  static constexpr size_t kQueueBytes = kNodeWindowBytes;

  NodeLink& link_;
  bool HandleTaken(std::span<const std::byte> payload);

  std::array<std::byte, kQueueBytes> out_;
  size_t out_start_ = 0;
  size_t out_end_ = 0;
  std::array<std::byte, sizeof(NodeFrameHeader) + kNodeFrameMaxPayload> in_;
  size_t in_length_ = 0;
  // Queued or sent, and not yet taken by the other side.
  uint32_t outstanding_bytes_ = 0;
  uint32_t outstanding_frames_ = 0;
  uint64_t moved_ = 0;
  bool broken_ = false;
};

}  // namespace bulkhead

#endif  // BULKHEAD_CONTROL_NODE_CHANNEL_H_
