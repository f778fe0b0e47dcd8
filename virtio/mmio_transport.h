// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_VIRTIO_MMIO_TRANSPORT_H_
#define BULKHEAD_VIRTIO_MMIO_TRANSPORT_H_

#include <array>
#include <cstdint>

#include "virtio/device.h"
#include "virtio/guest_memory.h"
#include "virtio/mmio_registers.h"

namespace bulkhead {

// Where a transport's interrupts go. The line is edge-triggered: every call is one edge.
class InterruptSink {
 public:
  virtual void RaiseInterrupt() = 0;

 protected:
  ~InterruptSink() = default;
};

// The virtio-mmio register file of one device, version 2 (virtio 1.2, 4.2.2).
//
// What the specification forbids a driver to do changes nothing: reads of absent, write-only or
// wrongly sized registers give zero, writes to them and writes in the wrong state are ignored. The
// exception is what no correct driver can do and what would leave the device without a queue:
// rings that are malformed, which make error() not kNone. Not thread-safe.
//
// The VMM looks at error() after every call and ends the pod if it is set.
class MmioTransport final : private VirtioDevice::Events {
 public:
  static constexpr size_t kMaxQueues = 16;

  // All of them must outlive the transport. The device has at most kMaxQueues queues.
  MmioTransport(VirtioDevice& device, const GuestMemory& memory, InterruptSink& interrupt);

  // A guest's access of `width` bytes (1, 2, 4, 8) at `offset` from the start of the window.
  uint64_t Read(uint32_t offset, uint32_t width);
  void Write(uint32_t offset, uint32_t width, uint64_t value);

  // What a write of `queue` to QueueNotify does; for doorbells that reach the VMM as events.
  void NotifyQueue(uint32_t queue);

  // Notify works for a bounded time only. While pending(), call RunPending when other work (the
  // vCPU, other devices) has had its turn.
  bool pending() const { return pending_ != 0; }
  void RunPending();

  // Why the device is dead; kNone while it is not.
  VirtqueueError error() { return device_.error(); }

  uint32_t status() const { return status_; }
  uint32_t interrupt_status() const { return interrupt_status_; }

 private:
  struct QueueSetup {
    uint32_t size = 0;  // as written; checked when the queue is made ready
    uint64_t descriptors = 0;
    uint64_t available = 0;
    uint64_t used = 0;
  };

  void UsedBuffers() override { Raise(kMmioInterruptUsedBuffer); }
  void ConfigChanged() override { Raise(kMmioInterruptConfigChange); }
  void Raise(uint32_t cause);

  uint32_t ReadRegister(uint32_t offset);
  void WriteRegister(uint32_t offset, uint32_t value);
  void WriteDriverFeatures(uint32_t value);
  void WriteStatus(uint32_t value);
  void WriteQueueSetup(uint32_t offset, uint32_t value);
  void WriteQueueReady(uint32_t value);
  uint64_t OfferedFeatures() const;
  bool FeaturesAcceptable() const;
  void Reset();
  Virtqueue* SelectedQueue();

  VirtioDevice& device_;
  const GuestMemory& memory_;
  InterruptSink& interrupt_;
  std::array<QueueSetup, kMaxQueues> setup_;
  uint64_t driver_features_ = 0;
  bool unknown_features_ = false;  // the driver accepted a feature above bit 63
  uint32_t status_ = 0;
  uint32_t interrupt_status_ = 0;
  uint32_t device_features_select_ = 0;
  uint32_t driver_features_select_ = 0;
  uint32_t queue_select_ = 0;
  uint32_t pending_ = 0;  // bit per queue
};

}  // namespace bulkhead

#endif  // BULKHEAD_VIRTIO_MMIO_TRANSPORT_H_
