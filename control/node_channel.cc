// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "control/node_channel.h"

#include <algorithm>
#include <cstring>

namespace bulkhead {

size_t NodeChannel::Room() const {
  const size_t free = kNodeWindowBytes - outstanding_bytes_;
  if (free <= sizeof(NodeFrameHeader) || outstanding_frames_ >= kNodeWindowFrames) return 0;
  return std::min<size_t>(free - sizeof(NodeFrameHeader), kNodeFrameMaxPayload);
}

bool NodeChannel::Send(NodeFrameType type, uint16_t pod, std::span<const std::byte> payload) {
  const size_t total = sizeof(NodeFrameHeader) + payload.size();
  if (payload.size() > kNodeFrameMaxPayload || total > kNodeWindowBytes - outstanding_bytes_ ||
      outstanding_frames_ >= kNodeWindowFrames) {
    return false;
  }
  outstanding_bytes_ += static_cast<uint32_t>(total);
  ++outstanding_frames_;
  if (total > kQueueBytes - out_end_) {
    std::memmove(out_.data(), out_.data() + out_start_, out_end_ - out_start_);
    out_end_ -= out_start_;
    out_start_ = 0;
  }
  const NodeFrameHeader header =
      MakeNodeFrameHeader(type, pod, static_cast<uint32_t>(payload.size()));
  std::memcpy(out_.data() + out_end_, &header, sizeof(header));
  if (!payload.empty()) {
    std::memcpy(out_.data() + out_end_ + sizeof(header), payload.data(), payload.size());
  }
  out_end_ += total;
  return true;
}

bool NodeChannel::Flush() {
  while (out_start_ < out_end_) {
    const size_t sent = link_.Send({out_.data() + out_start_, out_end_ - out_start_});
    if (sent == 0) return false;
    out_start_ += sent;
    moved_ += sent;
  }
  out_start_ = 0;
  out_end_ = 0;
  return true;
}

bool NodeChannel::HandleTaken(std::span<const std::byte> payload) {
  std::array<uint32_t, 2> taken;
  if (payload.size() != sizeof(taken)) return false;
  std::memcpy(taken.data(), payload.data(), sizeof(taken));
  if (taken[0] > outstanding_bytes_ || taken[1] > outstanding_frames_) return false;
  outstanding_bytes_ -= taken[0];
  outstanding_frames_ -= taken[1];
  moved_ += taken[0];
  return true;
}

Status NodeChannel::Receive(Handler& handler) {
  while (!broken_) {
    // The header first, then as much as it says: never more than belongs to this frame.
    size_t wanted = sizeof(NodeFrameHeader);
    NodeFrameHeader header;
    if (in_length_ >= sizeof(header)) {
      std::memcpy(&header, in_.data(), sizeof(header));
      wanted += header.length;  // checked when the header was complete
    }
    if (in_length_ < wanted) {
      const size_t got = link_.Receive({in_.data() + in_length_, wanted - in_length_});
      if (got == 0) {
        broken_ = link_.status() != Status::kOk;
        if (broken_) break;
        return Status::kOk;
      }
      in_length_ += got;
      if (in_length_ < sizeof(header)) continue;
      std::memcpy(&header, in_.data(), sizeof(header));
      broken_ = !NodeFrameHeaderValid(header);
      if (broken_ || in_length_ < sizeof(header) + header.length) continue;
    }
    const std::span<const std::byte> payload(in_.data() + sizeof(header), header.length);
    broken_ = header.type == NodeFrameType::kTaken
                  ? !HandleTaken(payload)
                  : !handler.HandleFrame(header.type, header.pod, payload);
    in_length_ = 0;
  }
  return Status::kCorrupt;
}

}  // namespace bulkhead
