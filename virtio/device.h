// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_VIRTIO_DEVICE_H_
#define BULKHEAD_VIRTIO_DEVICE_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "virtio/virtqueue.h"

namespace bulkhead {

// A virtio device behind some transport. Owned by its VMM; not thread-safe; never allocates.
class VirtioDevice {
 public:
  // What a device tells its transport.
  class Events {
   public:
    virtual void UsedBuffers() = 0;    // interrupt: a queue has used buffers
    virtual void ConfigChanged() = 0;  // interrupt: look at the configuration again

   protected:
    ~Events() = default;
  };

  VirtioDevice(const VirtioDevice&) = delete;
  VirtioDevice& operator=(const VirtioDevice&) = delete;

  virtual const char* name() const = 0;
  virtual uint32_t device_id() const = 0;  // virtio 1.2, 5
  // Device-specific feature bits; the transport adds its own.
  virtual uint64_t features() const = 0;
  virtual std::span<Virtqueue> queues() = 0;
  // Largest size of a queue: a power of two, at most kVirtqueueMaxSize.
  virtual uint16_t queue_size_limit(uint16_t queue) const = 0;

  // Configuration space, bytewise; what lies past its end reads as zero and ignores writes.
  virtual void ReadConfig(uint32_t offset, std::span<std::byte> out) const = 0;
  virtual void WriteConfig(uint32_t /*offset*/, std::span<const std::byte> /*bytes*/) {}
  uint32_t config_generation() const { return config_generation_; }

  // Serves a queue the driver has put buffers into: at most as many as the queue has descriptors,
  // and a device-specific number of bytes. True if there is more to do at once; the caller calls
  // again when other work has had its turn.
  virtual bool Notify(uint16_t queue) = 0;

  // For the transport.
  void Attach(Events* events) { events_ = events; }
  // The driver is ready (DRIVER_OK); the queues in use are ready, `features` is negotiated.
  void Activate(uint64_t features);
  void Reset();
  bool active() const { return active_; }

  // The error of the first dead queue, kNone if all is well. Once there is one the device does
  // nothing more; the VMM ends the pod with VirtqueueErrorText.
  VirtqueueError error();

 protected:
  VirtioDevice() = default;
  // Never deleted through the base.
  ~VirtioDevice() = default;

  virtual void OnReset() {}

  uint64_t negotiated() const { return negotiated_; }
  void InterruptIfWanted(Virtqueue& queue) {
    if (queue.TakeInterrupt() && events_ != nullptr) events_->UsedBuffers();
  }
  void ConfigChanged();
  // Answers a read of the configuration from its image.
  static void CopyConfig(std::span<const std::byte> config, uint32_t offset,
                         std::span<std::byte> out);

 private:
  Events* events_ = nullptr;
  uint64_t negotiated_ = 0;
  uint32_t config_generation_ = 0;
  bool active_ = false;
};

}  // namespace bulkhead

#endif  // BULKHEAD_VIRTIO_DEVICE_H_
