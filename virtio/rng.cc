// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "virtio/rng.h"

#include <algorithm>

namespace bulkhead {

bool RngDevice::Notify(uint16_t queue_index) {
  if (!active() || queue_index != 0) return false;
  Virtqueue& queue = queues_[0];
  bool more = true;
  for (uint16_t turn = 0; turn < queue.size(); ++turn) {
    if (queue.Pop(chain_) != Virtqueue::PopResult::kChain) {
      more = false;
      break;
    }
    if (chain_.writable_bytes() == 0) {
      queue.Fail(VirtqueueError::kBadRequest);
      more = false;
      break;
    }
    // By way of our own memory: a source may read back what it has written, and a guest may change
    // what lies in its memory meanwhile.
    std::array<std::byte, kBytesPerBuffer> bytes;
    const size_t wanted = std::min<size_t>(bytes.size(), chain_.writable_bytes());
    const size_t got = std::min(source_.Entropy(std::span(bytes).first(wanted)), wanted);
    if (got == 0) {
      queue.Unpop();
      more = false;
      break;
    }
    SegmentCursor(chain_.writable()).CopyIn(std::span(bytes).first(got));
    queue.Push(chain_, static_cast<uint32_t>(got));
  }
  InterruptIfWanted(queue);
  return more;
}

}  // namespace bulkhead
