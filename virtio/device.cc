// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "virtio/device.h"

#include <algorithm>
#include <cstring>

namespace bulkhead {

void VirtioDevice::Activate(uint64_t features) {
  negotiated_ = features;
  active_ = true;
}

void VirtioDevice::Reset() {
  for (Virtqueue& queue : queues()) queue.Reset();
  negotiated_ = 0;
  active_ = false;
  OnReset();
}

VirtqueueError VirtioDevice::error() {
  for (const Virtqueue& queue : queues()) {
    if (queue.error() != VirtqueueError::kNone) return queue.error();
  }
  return VirtqueueError::kNone;
}

void VirtioDevice::ConfigChanged() {
  ++config_generation_;
  if (active_ && events_ != nullptr) events_->ConfigChanged();
}

void VirtioDevice::CopyConfig(std::span<const std::byte> config, uint32_t offset,
                              std::span<std::byte> out) {
  std::memset(out.data(), 0, out.size());
  if (offset >= config.size()) return;
  std::memcpy(out.data(), config.data() + offset, std::min(out.size(), config.size() - offset));
}

}  // namespace bulkhead
