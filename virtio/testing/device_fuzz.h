// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_VIRTIO_TESTING_DEVICE_FUZZ_H_
#define BULKHEAD_VIRTIO_TESTING_DEVICE_FUZZ_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "virtio/mmio_transport.h"
#include "virtio/testing/driver_queue.h"
#include "virtio/testing/mmio_driver.h"

namespace bulkhead::testing {

// A fuzzer's bytes as numbers; zeros after their end.
class FuzzInput {
 public:
  FuzzInput(const uint8_t* data, size_t size) : rest_(data, size) {}
  bool empty() const { return rest_.empty(); }
  template <typename T>
  T Take() {
    T value = {};
    const size_t count = std::min(sizeof(T), rest_.size());
    if (count > 0) std::memcpy(&value, rest_.data(), count);
    rest_ = rest_.subspan(count);
    return value;
  }
  std::span<const std::byte> TakeBytes(size_t count) {
    const auto bytes = std::as_bytes(rest_.first(std::min(count, rest_.size())));
    rest_ = rest_.subspan(bytes.size());
    return bytes;
  }

 private:
  std::span<const uint8_t> rest_;
};

// The machine around a device under fuzzing: RAM whose first pages hold rings, and a driver that
// does what the input says. The first byte of the input says whether the device is set up as a
// correct driver would, so that the rest gets deep; without it the input has to do that.
class DeviceFuzzer {
 public:
  static constexpr uint64_t kRamBytes = 0x20000;
  static constexpr uint64_t kData = 0x18000;

  DeviceFuzzer(VirtioDevice& device, FuzzInput& input)
      : input_(input),
        device_(device),
        transport_(device, memory_, interrupt_),
        driver_(transport_) {
    for (size_t i = 0; i < device.queues().size(); ++i) {
      queues_.emplace_back(Ram(), 0x4000 * i, device.queue_size_limit(static_cast<uint16_t>(i)));
    }
    const auto mode = input.Take<uint8_t>();
    if ((mode & 1) != 0) {
      driver_.Negotiate(driver_.OfferedFeatures() &
                        ~((mode & 2) != 0 ? kVirtioFeatureEventIdx : 0));
      for (uint32_t i = 0; i < queues_.size(); ++i) driver_.SetUpQueue(i, queues_[i]);
      driver_.DriverOk();
    }
  }

  // One step; false if the device has died or the input has ended.
  bool Step() {
    if (input_.empty() || transport_.error() != VirtqueueError::kNone) return false;
    DriverQueue& queue = queues_[input_.Take<uint8_t>() % queues_.size()];
    switch (input_.Take<uint8_t>() % 8) {
      case 0:
        transport_.Write(input_.Take<uint16_t>(), input_.Take<uint8_t>() % 9,
                         input_.Take<uint64_t>());
        break;
      case 1:
        transport_.Read(input_.Take<uint16_t>(), input_.Take<uint8_t>() % 9);
        break;
      case 2: {
        const uint64_t address = input_.Take<uint16_t>() % (kRamBytes - 256);
        const auto bytes = input_.TakeBytes(input_.Take<uint8_t>());
        std::memcpy(Ram().bytes(address, 256).data(), bytes.data(), bytes.size());
        break;
      }
      case 3:
        transport_.NotifyQueue(input_.Take<uint8_t>());
        break;
      case 4:
        queue.SetDescriptor(input_.Take<uint8_t>() % queue.size(), input_.Take<VirtqDescriptor>());
        break;
      case 5:
        queue.Offer(input_.Take<uint8_t>() % queue.size());
        break;
      case 6: {  // a correct request: readable bytes, then room
        const auto bytes = input_.TakeBytes(input_.Take<uint8_t>() % 32);
        const uint32_t room = input_.Take<uint16_t>() % 0x4000;
        std::memcpy(Ram().bytes(kData, 256).data(), bytes.data(), bytes.size());
        std::vector<DriverQueue::Buffer> buffers;
        if (!bytes.empty()) buffers.push_back({kData, static_cast<uint32_t>(bytes.size())});
        if (room > 0) buffers.push_back({kData + 0x1000, room, true});
        if (!buffers.empty()) queue.Add(buffers);
        break;
      }
      default:
        transport_.RunPending();
        break;
    }
    return true;
  }

  VirtioDevice& device() { return device_; }
  static const TestRam& Ram() {
    static const TestRam ram;
    return ram;
  }

 private:
  static GuestMemory ClearedMemory() {
    const auto low = Ram().bytes(0, kRamBytes);
    const auto high = Ram().bytes(TestRam::kHighStart, 0x1000);
    std::memset(low.data(), 0, low.size());
    std::memset(high.data(), 0, high.size());
    return GuestMemory({.start = 0, .bytes = low}, {.start = TestRam::kHighStart, .bytes = high});
  }

  FuzzInput& input_;
  VirtioDevice& device_;
  const GuestMemory memory_ = ClearedMemory();
  CountingInterrupt interrupt_;
  MmioTransport transport_;
  MmioDriver driver_;
  std::vector<DriverQueue> queues_;
};

}  // namespace bulkhead::testing

#endif  // BULKHEAD_VIRTIO_TESTING_DEVICE_FUZZ_H_
