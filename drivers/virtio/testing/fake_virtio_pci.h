// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_DRIVERS_VIRTIO_TESTING_FAKE_VIRTIO_PCI_H_
#define BULKHEAD_DRIVERS_VIRTIO_TESTING_FAKE_VIRTIO_PCI_H_

#include <array>
#include <cstddef>
#include <cstdint>

#include "drivers/pci/pci.h"
#include "drivers/pci/pci_host.h"
#include "drivers/platform.h"
#include "virtio/device.h"
#include "virtio/testing/driver_queue.h"

namespace bulkhead::testing {

// A machine with one PCI bus and one virtio device on it (00:03.0), with the registers of virtio
// 1.2, 4.1 over one of our own device models. Configuration space is there to be changed by tests.
class FakeVirtioPci final : public DriverPlatform, private VirtioDevice::Events {
 public:
  static constexpr HostPhysical kEcam{0xb0000000};
  // What firmware has put into the BARs.
  static constexpr uint64_t kRegistersBar = 0xc0000000'0000;  // BAR 4, 64 bits wide
  static constexpr uint64_t kMsixBar = 0xfd000000;            // BAR 1
  static constexpr uint32_t kRegistersBarBytes = 0x4000;
  static constexpr uint32_t kMsixBarBytes = 0x1000;
  static constexpr uint64_t kNotifyOffset = 0x3000;
  static constexpr uint32_t kNotifyMultiplier = 4;
  static constexpr uint64_t kMsiAddress = 0xfee00000;
  static constexpr uint32_t kMsiData = 0x41;
  static constexpr uint32_t kRequester = 3 << 3;
  // Offsets of the capabilities in configuration space.
  static constexpr uint8_t kMsixCap = 0x98;
  static constexpr uint8_t kCommonCap = 0x40;
  static constexpr uint8_t kNotifyCap = 0x70;

  explicit FakeVirtioPci(VirtioDevice& device);

  // DriverPlatform. A mapping is its physical address: only ReadDevice and WriteDevice look at it.
  Result<volatile std::byte*> MapDevice(HostPhysical start, uint64_t length) override;
  Result<DmaPage> AllocateDma() override;
  Result<Msi> AllocateMsi(uint32_t device) override {
    msi_device = device;
    return Msi{.address = kMsiAddress, .data = kMsiData};
  }
  uint32_t ReadDevice(const volatile std::byte* address, int width) override;
  void WriteDevice(volatile std::byte* address, int width, uint32_t value) override;

  template <typename T>
  void PutConfig(uint32_t offset, T value) {
    std::memcpy(config_.data() + offset, &value, sizeof(value));
  }
  const TestRam& ram() const { return ram_; }
  uint64_t driver_features() const { return driver_features_; }
  // Address of the used ring the driver set up for a queue.
  uint64_t used_ring(uint16_t queue) const { return setup_[queue].used; }

  PciHost host;                // what firmware says about the machine: to begin with, kEcam only
  uint64_t window_offset = 0;  // from addresses on the bus to physical ones
  uint32_t msi_device = ~0U;   // that asked for a message
  uint64_t offered = kVirtioFeatureVersion1;  // besides the device's
  uint32_t dma_pages_left = 100;
  bool refuse_vector = false;
  bool mute = false;  // the device does not look at its queues
  int interrupts = 0;

 private:
  struct QueueSetup {
    uint16_t size = 0;
    uint16_t vector = 0xffff;
    uint64_t descriptors = 0;
    uint64_t available = 0;
    uint64_t used = 0;
  };

  void UsedBuffers() override;
  void ConfigChanged() override {}
  // The physical address of a BAR.
  uint64_t Bar(uint32_t index, bool wide) const;
  // Offset of an address in a BAR of `size` bytes; `size` if it is not there, or nothing answers.
  uint64_t OffsetInBar(uint32_t index, bool wide, uint64_t size,
                       const volatile std::byte* address) const;
  uint32_t ReadCommon(uint64_t offset) const;
  void WriteCommon(uint64_t offset, uint32_t value);
  void WriteConfigSpace(uint32_t offset, int width, uint32_t value);
  void PutCapability(uint8_t at, uint8_t next, uint8_t type, uint32_t offset, uint32_t length);
  void NotifyQueue(uint16_t queue);
  void EnableQueue();

  VirtioDevice& device_;
  TestRam ram_;
  uint64_t next_dma_ = 0x1000;
  std::array<std::byte, kPciFunctionBytes> config_ = {};
  std::array<std::byte, kMsixBarBytes> msix_ = {};
  std::array<QueueSetup, 16> setup_;
  uint64_t driver_features_ = 0;
  uint32_t device_select_ = 0;
  uint32_t driver_select_ = 0;
  uint16_t queue_select_ = 0;
  uint8_t status_ = 0;
};

}  // namespace bulkhead::testing

#endif  // BULKHEAD_DRIVERS_VIRTIO_TESTING_FAKE_VIRTIO_PCI_H_
