// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_VIRTIO_BLOCK_H_
#define BULKHEAD_VIRTIO_BLOCK_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "virtio/block_protocol.h"
#include "virtio/device.h"

namespace bulkhead {

// Read-only disk (virtio 1.2, 5.2) whose contents are memory. If the image ends in the middle of a
// sector, zeros follow. Writes are answered with an I/O error.
class BlockDevice final : public VirtioDevice {
 public:
  static constexpr uint32_t kDeviceId = 2;
  static constexpr uint16_t kQueueSize = 128;
  // A driver needs two descriptors of a request for header and status.
  static constexpr uint32_t kSegMax = kQueueSize - 2;
  static constexpr uint32_t kSizeMax = 64 << 10;
  // Longest read; follows from the two limits above, and is what bounds one request's work.
  static constexpr uint64_t kMaxRequestBytes = uint64_t{kSegMax} * kSizeMax;
  // Once a Notify has read so many bytes it leaves the rest for the next turn.
  static constexpr uint64_t kBytesPerTurn = uint64_t{1} << 20;

  // `image` and `id` (shown as the disk's serial number, at most 20 bytes) outlive the device.
  BlockDevice(std::span<const std::byte> image, std::string_view id) : image_(image), id_(id) {}

  uint64_t capacity() const {  // sectors
    return image_.size() / kSectorSize + (image_.size() % kSectorSize != 0 ? 1 : 0);
  }

  const char* name() const override { return "virtio-blk"; }
  uint32_t device_id() const override { return kDeviceId; }
  uint64_t features() const override {
    return kBlockFeatureSizeMax | kBlockFeatureSegMax | kBlockFeatureReadOnly |
           kBlockFeatureBlockSize;
  }
  std::span<Virtqueue> queues() override { return queues_; }
  uint16_t queue_size_limit(uint16_t /*queue*/) const override { return kQueueSize; }
  void ReadConfig(uint32_t offset, std::span<std::byte> out) const override;
  bool Notify(uint16_t queue) override;

 private:
  struct Answer {
    BlockStatus status;
    uint32_t written = 0;  // bytes of data, from the first on
  };

  // Answers the request in chain_; false if it is none.
  bool Serve(uint64_t* bytes_read);
  Answer Read(uint64_t sector, SegmentCursor data, uint64_t length) const;
  Answer GetId(SegmentCursor data, uint64_t length) const;

  std::span<const std::byte> image_;
  std::string_view id_;
  std::array<Virtqueue, 1> queues_;
  VirtqueueChain chain_;
};

}  // namespace bulkhead

#endif  // BULKHEAD_VIRTIO_BLOCK_H_
