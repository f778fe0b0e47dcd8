// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "virtio/chain.h"

#include <algorithm>
#include <atomic>
#include <cstring>

namespace bulkhead {

void SegmentCursor::Skip(uint64_t count) {
  while (count > 0 && !done()) {
    const uint64_t step = std::min<uint64_t>(count, Front().size());
    offset_ += step;
    count -= step;
    if (offset_ == segments_[index_].size()) {
      ++index_;
      offset_ = 0;
    }
  }
}

size_t SegmentCursor::CopyOut(std::span<std::byte> to) {
  size_t copied = 0;
  while (copied < to.size() && !done()) {
    const std::span<std::byte> front = Front();
    const size_t step = std::min(front.size(), to.size() - copied);
    std::memcpy(to.data() + copied, front.data(), step);
    Skip(step);
    copied += step;
  }
  // The compiler may not go back to guest memory for a value it saw in the copy.
  std::atomic_signal_fence(std::memory_order_seq_cst);
  return copied;
}

size_t SegmentCursor::CopyIn(std::span<const std::byte> from) {
  size_t copied = 0;
  while (copied < from.size() && !done()) {
    const std::span<std::byte> front = Front();
    const size_t step = std::min(front.size(), from.size() - copied);
    std::memcpy(front.data(), from.data() + copied, step);
    Skip(step);
    copied += step;
  }
  return copied;
}

size_t SegmentCursor::FillZero(uint64_t count) {
  size_t filled = 0;
  while (filled < count && !done()) {
    const std::span<std::byte> front = Front();
    const size_t step = std::min<uint64_t>(front.size(), count - filled);
    std::memset(front.data(), 0, step);
    Skip(step);
    filled += step;
  }
  return filled;
}

}  // namespace bulkhead
