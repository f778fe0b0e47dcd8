// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_VIRTIO_CHAIN_H_
#define BULKHEAD_VIRTIO_CHAIN_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "virtio/ring_layout.h"

namespace bulkhead {

// One buffer that a driver made available: segments the device reads, then segments it writes, all
// checked to lie in guest memory. The bytes themselves stay the guest's: it may change them at any
// moment, so copy what is to be looked at. The addresses stay valid as long as the guest memory.
class VirtqueueChain {
 public:
  struct Segment {
    std::span<std::byte> bytes;  // never empty
    bool writable;               // by the device
  };

  uint16_t head() const { return head_; }
  size_t size() const { return count_; }
  Segment operator[](size_t index) const { return {segments_[index], index >= readable_count_}; }

  std::span<const std::span<std::byte>> readable() const {
    return std::span(segments_).first(readable_count_);
  }
  std::span<const std::span<std::byte>> writable() const {
    return std::span(segments_).subspan(readable_count_, count_ - readable_count_);
  }
  uint32_t readable_bytes() const { return readable_bytes_; }
  uint32_t writable_bytes() const { return writable_bytes_; }

 private:
  friend class Virtqueue;

  std::array<std::span<std::byte>, kVirtqueueMaxSize> segments_;
  uint16_t head_ = 0;
  uint16_t count_ = 0;
  uint16_t readable_count_ = 0;
  uint32_t readable_bytes_ = 0;
  uint32_t writable_bytes_ = 0;
};

// A position in a list of segments. How a driver cut its buffer into segments means nothing
// (virtio 1.2, 2.7.4), so devices see bytes only.
class SegmentCursor {
 public:
  SegmentCursor() = default;
  explicit SegmentCursor(std::span<const std::span<std::byte>> segments) : segments_(segments) {}

  bool done() const { return index_ == segments_.size(); }
  // The contiguous bytes at the position; empty at the end.
  std::span<std::byte> Front() const {
    return done() ? std::span<std::byte>() : segments_[index_].subspan(offset_);
  }
  // Moves on by `count` bytes, or to the end.
  void Skip(uint64_t count);
  // Copies bytes out of the segments, or into them; returns how many there were.
  size_t CopyOut(std::span<std::byte> to);
  size_t CopyIn(std::span<const std::byte> from);
  // Writes zeros; returns how many bytes there were.
  size_t FillZero(uint64_t count);

 private:
  std::span<const std::span<std::byte>> segments_;
  size_t index_ = 0;
  size_t offset_ = 0;
};

}  // namespace bulkhead

#endif  // BULKHEAD_VIRTIO_CHAIN_H_
