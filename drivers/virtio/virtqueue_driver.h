// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_DRIVERS_VIRTIO_VIRTQUEUE_DRIVER_H_
#define BULKHEAD_DRIVERS_VIRTIO_VIRTQUEUE_DRIVER_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/status.h"
#include "drivers/platform.h"
#include "virtio/ring_layout.h"

namespace bulkhead {

// Driver side of a split virtqueue (virtio 1.2, 2.7), without indirect descriptors and event
// indexes. The rings lie in one page. What the device writes is checked: a device that breaks the
// rules costs us the device, not this process. One thread at a time.
class VirtqueueDriver {
 public:
  // The largest queue whose rings fit a page.
  static constexpr uint16_t kMaxSize = 128;

  struct Buffer {
    uint64_t bus_address;
    uint32_t length;  // bytes
    bool device_writes;
  };
  struct Completion {
    uint16_t head = 0;     // as returned by Add
    uint32_t written = 0;  // bytes; at most what the device was allowed to write
  };

  // `size` is a power of two, at most kMaxSize; `page` is zeroed.
  Status Init(const DriverPlatform::DmaPage& page, uint16_t size);

  uint16_t size() const { return size_; }
  uint64_t descriptors_bus() const { return bus_address_; }
  uint64_t available_bus() const { return bus_address_ + available_offset(); }
  uint64_t used_bus() const { return bus_address_ + used_offset(); }

  // Queues buffers as one request, those the device reads first. Returns its name until it
  // completes; kBusy if there are not enough free descriptors.
  Result<uint16_t> Add(std::span<const Buffer> buffers);
  // Shows the device what was added; true if it wants to be notified.
  bool Publish();
  // The next completed request; kNotFound if there is none, kCorrupt (from then on) if the device
  // wrote nonsense into the ring.
  Result<Completion> Take();

  bool corrupt() const { return corrupt_; }

 private:
  static constexpr uint16_t kNone = 0xffff;

  uint64_t available_offset() const { return VirtqDescriptorBytes(size_); }
  uint64_t used_offset() const {
    return (available_offset() + VirtqAvailableBytes(size_) + kVirtqUsedAlignment - 1) &
           ~(kVirtqUsedAlignment - 1);
  }

  // Our own record of each descriptor; the device cannot reach it.
  struct Record {
    uint16_t next = kNone;  // in the free list or the chain
    bool head_in_flight = false;
    uint32_t writable = 0;  // bytes of the whole chain, in its head
  };

  std::array<Record, kMaxSize> records_;
  VirtqDescriptor* descriptors_ = nullptr;
  uint16_t* available_ = nullptr;
  const uint16_t* used_ = nullptr;
  uint64_t bus_address_ = 0;
  uint16_t size_ = 0;
  uint16_t free_ = kNone;
  uint16_t free_count_ = 0;
  uint16_t next_available_ = 0;  // what we have filled
  uint16_t next_used_ = 0;       // what we have taken
  bool corrupt_ = false;
};

}  // namespace bulkhead

#endif  // BULKHEAD_DRIVERS_VIRTIO_VIRTQUEUE_DRIVER_H_
