// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "virtio/balloon.h"

#include <algorithm>
#include <cstring>

#include "base/align.h"

namespace bulkhead {
namespace {

// Without the incomplete pages at both ends. The VMM has guest memory at pages, too.
std::span<std::byte> WholePages(std::span<std::byte> bytes) {
  const auto start = reinterpret_cast<uintptr_t>(bytes.data());
  const uint64_t skipped = AlignUp(start, kBalloonPageSize) - start;
  if (skipped >= bytes.size()) return {};
  return bytes.subspan(skipped, AlignDown(bytes.size() - skipped, kBalloonPageSize));
}

}  // namespace

void BalloonDevice::ReadConfig(uint32_t offset, std::span<std::byte> out) const {
  CopyConfig(std::as_bytes(std::span(&config_, 1)), offset, out);
}

void BalloonDevice::WriteConfig(uint32_t offset, std::span<const std::byte> bytes) {
  // The only field that is the driver's.
  if (offset != offsetof(BalloonConfig, actual) || bytes.size() != sizeof(config_.actual)) return;
  std::memcpy(&config_.actual, bytes.data(), sizeof(config_.actual));
}

void BalloonDevice::OnReset() {
  kept_.reset();
  stats_ = {};
  config_ = {};
}

bool BalloonDevice::RequestStats() {
  if (!active() || !kept_.has_value()) return false;
  Virtqueue& queue = queues_[kFirstOptionalQueue];
  queue.Push(*kept_, 0);
  kept_.reset();
  InterruptIfWanted(queue);
  return true;
}

bool BalloonDevice::Notify(uint16_t queue_index) {
  if (!active() || queue_index >= queues_.size()) return false;
  Virtqueue& queue = queues_[queue_index];
  bool more = true;
  for (uint16_t turn = 0; turn < queue.size(); ++turn) {
    if (queue.Pop(chain_) != Virtqueue::PopResult::kChain) {
      more = false;
      break;
    }
    if (Serve(queue_index)) queue.Push(chain_, 0);
    if (queue.error() != VirtqueueError::kNone) {
      more = false;
      break;
    }
  }
  InterruptIfWanted(queue);
  return more;
}

bool BalloonDevice::Serve(uint16_t queue_index) {
  if (queue_index == kDeflateQueue) return true;  // memory comes back when it is touched
  if (queue_index == kInflateQueue) {
    if (Inflate()) return true;
    queues_[queue_index].Fail(VirtqueueError::kBadRequest);
    return false;
  }
  if (!IsStatsQueue(queue_index)) {
    Report();
    return true;
  }
  ReadStats();
  // One is kept, to be given back when new ones are wanted (virtio 1.2, 5.5.6.3).
  if (kept_.has_value()) return true;
  kept_ = chain_.head();
  return false;
}

bool BalloonDevice::Inflate() {
  const uint32_t count = chain_.readable_bytes() / sizeof(uint32_t);
  if (count > kMaxPageNumbers) return false;
  SegmentCursor cursor(chain_.readable());
  for (uint32_t i = 0; i < count; ++i) {
    uint32_t page_number = 0;
    cursor.CopyOut(std::as_writable_bytes(std::span(&page_number, 1)));
    if (!Discard(page_number)) return false;
  }
  return true;
}

bool BalloonDevice::Discard(uint32_t page_number) {
  const auto address = static_cast<GuestPhysical>(uint64_t{page_number} * kBalloonPageSize);
  const auto page = memory_.Slice(address, kBalloonPageSize);
  if (!page) return false;
  backend_.Discard(*page);
  return true;
}

void BalloonDevice::Report() {
  if (!Has(kBalloonFeaturePageReporting)) return;
  for (const std::span<std::byte> range : chain_.writable()) {
    if (const auto pages = WholePages(range); !pages.empty()) backend_.Discard(pages);
  }
}

void BalloonDevice::ReadStats() {
  const uint32_t count =
      std::min<uint32_t>(chain_.readable_bytes() / sizeof(BalloonStat), kMaxStats);
  SegmentCursor cursor(chain_.readable());
  for (uint32_t i = 0; i < count; ++i) {
    BalloonStat stat = {};
    cursor.CopyOut(std::as_writable_bytes(std::span(&stat, 1)));
    switch (stat.tag) {
      case kBalloonStatFree:
        stats_.free = stat.value;
        break;
      case kBalloonStatTotal:
        stats_.total = stat.value;
        break;
      case kBalloonStatAvailable:
        stats_.available = stat.value;
        break;
      case kBalloonStatCaches:
        stats_.caches = stat.value;
        break;
      default:
        break;
    }
  }
}

}  // namespace bulkhead
