// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_VIRTIO_BALLOON_H_
#define BULKHEAD_VIRTIO_BALLOON_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "virtio/balloon_protocol.h"
#include "virtio/device.h"
#include "virtio/guest_memory.h"

namespace bulkhead {

class BalloonBackend {
 public:
  // The guest has no use for what these bytes of its memory hold, whole pages of kBalloonPageSize:
  // from now on they may be zeros. It may use them again at any moment, without a word.
  virtual void Discard(std::span<std::byte> pages) = 0;

 protected:
  ~BalloonBackend() = default;
};

// Memory balloon (virtio 1.2, 5.5). The device never wants to have pages: memory comes back by
// free-page reporting, which the guest does by itself, and costs it nothing to take back. Pages
// that a driver gives nevertheless are taken.
class BalloonDevice final : public VirtioDevice {
 public:
  static constexpr uint32_t kDeviceId = 5;
  // Linux needs room for 32 ranges in a report (PAGE_REPORTING_CAPACITY).
  static constexpr uint16_t kQueueSize = 32;
  // Most page numbers in one buffer. Linux sends 256.
  static constexpr uint32_t kMaxPageNumbers = 1024;
  // Most entries of statistics in one buffer; what follows is not looked at.
  static constexpr uint32_t kMaxStats = 32;

  static constexpr uint16_t kInflateQueue = 0;
  static constexpr uint16_t kDeflateQueue = 1;
  // Of the rest, Linux numbers those that features bring in one after the other; by virtio 1.2,
  // 5.5.2, reporting is 4 though there is no 3. So the first is the statistics' if there are any,
  // and every other is for reports.
  static constexpr uint16_t kFirstOptionalQueue = 2;

  // What the guest's kernel says of its memory, bytes; what it has not said is 0. Not to be relied
  // on.
  struct Stats {
    uint64_t free = 0;
    uint64_t total = 0;
    uint64_t available = 0;
    uint64_t caches = 0;
  };

  // Both outlive the device.
  BalloonDevice(const GuestMemory& memory, BalloonBackend& backend)
      : memory_(memory), backend_(backend) {}

  const char* name() const override { return "virtio-balloon"; }
  uint32_t device_id() const override { return kDeviceId; }
  uint64_t features() const override {
    return kBalloonFeatureStats | kBalloonFeatureDeflateOnOom | kBalloonFeaturePageReporting;
  }
  std::span<Virtqueue> queues() override { return queues_; }
  uint16_t queue_size_limit(uint16_t /*queue*/) const override { return kQueueSize; }
  void ReadConfig(uint32_t offset, std::span<std::byte> out) const override;
  void WriteConfig(uint32_t offset, std::span<const std::byte> bytes) override;
  bool Notify(uint16_t queue) override;

  // The last that the guest has said.
  const Stats& stats() const { return stats_; }
  // Asks for new ones; false: the driver has not answered yet, or has no statistics.
  bool RequestStats();

 private:
  void OnReset() override;
  bool Has(uint64_t feature) const { return (negotiated() & feature) != 0; }
  bool IsStatsQueue(uint16_t queue) const {
    return queue == kFirstOptionalQueue && Has(kBalloonFeatureStats);
  }
  // Serves one buffer that was popped; false: it stays with the device, or breaks the rules.
  bool Serve(uint16_t queue_index);
  // The pages whose numbers are in chain_.
  bool Inflate();
  bool Discard(uint32_t page_number);
  // The memory that chain_ itself is.
  void Report();
  void ReadStats();

  const GuestMemory& memory_;
  BalloonBackend& backend_;
  std::array<Virtqueue, 5> queues_;
  VirtqueueChain chain_;
  std::optional<uint16_t> kept_;  // head of the statistics' buffer; given back to ask for new ones
  Stats stats_;
  BalloonConfig config_ = {};
};

}  // namespace bulkhead

#endif  // BULKHEAD_VIRTIO_BALLOON_H_
