// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_VIRTIO_TESTING_MMIO_DRIVER_H_
#define BULKHEAD_VIRTIO_TESTING_MMIO_DRIVER_H_

#include <cstdint>

#include "virtio/mmio_transport.h"
#include "virtio/testing/driver_queue.h"

namespace bulkhead::testing {

class CountingInterrupt final : public InterruptSink {
 public:
  void RaiseInterrupt() override { ++count; }
  int count = 0;
};

// The steps a driver takes over virtio-mmio, for tests (virtio 1.2, 3.1.1 and 4.2.3).
class MmioDriver {
 public:
  explicit MmioDriver(MmioTransport& transport) : transport_(transport) {}

  uint32_t Get(uint32_t offset) { return static_cast<uint32_t>(transport_.Read(offset, 4)); }
  void Set(uint32_t offset, uint32_t value) { transport_.Write(offset, 4, value); }
  void AddStatus(uint32_t bits) { Set(kMmioStatus, Get(kMmioStatus) | bits); }

  uint64_t OfferedFeatures() {
    uint64_t features = 0;
    for (uint32_t word = 0; word < 2; ++word) {
      Set(kMmioDeviceFeaturesSel, word);
      features |= uint64_t{Get(kMmioDeviceFeatures)} << (32 * word);
    }
    return features;
  }
  // Reset to FEATURES_OK; false if the device does not accept the features.
  bool Negotiate(uint64_t features) {
    Set(kMmioStatus, 0);
    AddStatus(kVirtioStatusAcknowledge);
    AddStatus(kVirtioStatusDriver);
    for (uint32_t word = 0; word < 2; ++word) {
      Set(kMmioDriverFeaturesSel, word);
      Set(kMmioDriverFeatures, static_cast<uint32_t>(features >> (32 * word)));
    }
    AddStatus(kVirtioStatusFeaturesOk);
    return (Get(kMmioStatus) & kVirtioStatusFeaturesOk) != 0;
  }
  void SetAddress(uint32_t low_register, GuestPhysical address) {
    Set(low_register, static_cast<uint32_t>(Raw(address)));
    Set(low_register + 4, static_cast<uint32_t>(Raw(address) >> 32));
  }
  // Whether the queue became ready.
  bool SetUpQueue(uint32_t index, const DriverQueue& queue) {
    Set(kMmioQueueSel, index);
    Set(kMmioQueueSize, queue.size());
    SetAddress(kMmioQueueDescLow, queue.rings().descriptors);
    SetAddress(kMmioQueueDriverLow, queue.rings().available);
    SetAddress(kMmioQueueDeviceLow, queue.rings().used);
    Set(kMmioQueueReady, 1);
    return Get(kMmioQueueReady) == 1;
  }
  void DriverOk() { AddStatus(kVirtioStatusDriverOk); }
  void Notify(uint32_t queue) { Set(kMmioQueueNotify, queue); }

 private:
  MmioTransport& transport_;
};

}  // namespace bulkhead::testing

#endif  // BULKHEAD_VIRTIO_TESTING_MMIO_DRIVER_H_
