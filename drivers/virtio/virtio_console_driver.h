// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_DRIVERS_VIRTIO_VIRTIO_CONSOLE_DRIVER_H_
#define BULKHEAD_DRIVERS_VIRTIO_VIRTIO_CONSOLE_DRIVER_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/status.h"
#include "drivers/pci/pci.h"
#include "drivers/platform.h"
#include "drivers/virtio/virtio_pci.h"
#include "drivers/virtio/virtqueue_driver.h"

namespace bulkhead {

// Driver for the first port of a virtio console on PCI (virtio 1.2, 5.3), as a stream of bytes in
// each direction. VIRTIO_CONSOLE_F_MULTIPORT is not negotiated, so in QEMU it takes
// `-device virtio-serial-pci,max_ports=1 -device virtconsole,chardev=...`.
//
// Never waits. After the interrupt (vector 0 of the platform's AllocateMsi) call Receive until it
// gives nothing, and Send what Send did not take before. One thread at a time.
class VirtioConsoleDriver {
 public:
  // Buffers of one page in each direction.
  static constexpr uint16_t kBuffers = 16;
  static constexpr size_t kBufferBytes = 4096;

  // The first such device; kNotFound if there is none.
  static Result<PciFunction> Find(DriverPlatform& platform, const PciHost& host);
  // Starts the device; its BARs have addresses. The object is of no use unless this succeeds.
  // Allocates 2 + 2 * kBuffers DMA pages and one MSI.
  Status Start(DriverPlatform& platform, const PciFunction& function);

  // Queues bytes for the device; returns how many fitted. An interrupt follows when there is room
  // again.
  size_t Send(std::span<const std::byte> bytes);
  // Takes bytes that arrived; returns how many there were, at most out.size().
  size_t Receive(std::span<std::byte> out);

  // Not kOk once the device has broken the rules; it is then reset, and nothing goes through it.
  Status status() const { return status_; }

 private:
  struct Direction {
    VirtqueueDriver queue;
    std::array<DriverPlatform::DmaPage, kBuffers> pages;
    // Which page belongs to a request, by the request's name.
    std::array<uint16_t, VirtqueueDriver::kMaxSize> page_of;
    uint16_t buffers = 0;  // in use: at most the queue's size
  };

  void Post(uint16_t page);
  void ReclaimSent();
  void Break();

  VirtioPci device_;
  Direction receive_;
  Direction transmit_;
  std::array<uint16_t, kBuffers> free_pages_;  // of transmit_
  uint16_t free_count_ = 0;
  // The received buffer that is being handed out.
  uint16_t current_page_ = 0;
  size_t current_offset_ = 0;
  size_t current_length_ = 0;
  Status status_ = Status::kNotFound;
};

}  // namespace bulkhead

#endif  // BULKHEAD_DRIVERS_VIRTIO_VIRTIO_CONSOLE_DRIVER_H_
