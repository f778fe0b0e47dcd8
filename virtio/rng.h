// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_VIRTIO_RNG_H_
#define BULKHEAD_VIRTIO_RNG_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "virtio/device.h"

namespace bulkhead {

class EntropySource {
 public:
  // Fills the beginning of `out` with random bytes; returns how many.
  virtual size_t Entropy(std::span<std::byte> out) = 0;

 protected:
  ~EntropySource() = default;
};

// Entropy device (virtio 1.2, 5.4).
class RngDevice final : public VirtioDevice {
 public:
  static constexpr uint32_t kDeviceId = 4;
  static constexpr uint16_t kQueueSize = 8;
  // Most bytes put into one buffer; the driver asks again if it wants more.
  static constexpr size_t kBytesPerBuffer = 256;

  explicit RngDevice(EntropySource& source) : source_(source) {}

  const char* name() const override { return "virtio-rng"; }
  uint32_t device_id() const override { return kDeviceId; }
  uint64_t features() const override { return 0; }
  std::span<Virtqueue> queues() override { return queues_; }
  uint16_t queue_size_limit(uint16_t /*queue*/) const override { return kQueueSize; }
  void ReadConfig(uint32_t offset, std::span<std::byte> out) const override {
    CopyConfig({}, offset, out);
  }
  // A source that has nothing leaves the buffer where it is; call again when it has.
  bool Notify(uint16_t queue) override;

 private:
  EntropySource& source_;
  std::array<Virtqueue, 1> queues_;
  VirtqueueChain chain_;
};

}  // namespace bulkhead

#endif  // BULKHEAD_VIRTIO_RNG_H_
