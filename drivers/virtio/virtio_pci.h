// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_DRIVERS_VIRTIO_VIRTIO_PCI_H_
#define BULKHEAD_DRIVERS_VIRTIO_VIRTIO_PCI_H_

#include <cstdint>

#include "base/status.h"
#include "drivers/pci/pci.h"
#include "drivers/virtio/virtqueue_driver.h"

namespace bulkhead {

// The common configuration: offsets in bytes (virtio 1.2, 4.1.4.3).
inline constexpr uint64_t kVirtioPciDeviceFeatureSelect = 0;
inline constexpr uint64_t kVirtioPciDeviceFeature = 4;
inline constexpr uint64_t kVirtioPciDriverFeatureSelect = 8;
inline constexpr uint64_t kVirtioPciDriverFeature = 12;
inline constexpr uint64_t kVirtioPciConfigVector = 16;
inline constexpr uint64_t kVirtioPciQueueCount = 18;
inline constexpr uint64_t kVirtioPciStatus = 20;
inline constexpr uint64_t kVirtioPciQueueSelect = 22;
inline constexpr uint64_t kVirtioPciQueueSize = 24;
inline constexpr uint64_t kVirtioPciQueueVector = 26;
inline constexpr uint64_t kVirtioPciQueueEnable = 28;
inline constexpr uint64_t kVirtioPciQueueNotifyOffset = 30;
inline constexpr uint64_t kVirtioPciQueueDescriptors = 32;
inline constexpr uint64_t kVirtioPciQueueDriver = 40;
inline constexpr uint64_t kVirtioPciQueueDevice = 48;
inline constexpr uint64_t kVirtioPciCommonBytes = 56;
inline constexpr uint16_t kVirtioPciNoVector = 0xffff;

// Kinds of vendor capability (virtio 1.2, 4.1.4).
inline constexpr uint8_t kVirtioPciCapCommon = 1;
inline constexpr uint8_t kVirtioPciCapNotify = 2;
inline constexpr uint8_t kVirtioPciCapIsr = 3;
inline constexpr uint8_t kVirtioPciCapDevice = 4;

inline constexpr uint16_t kVirtioPciVendor = 0x1af4;
// Device ids are 0x1040 plus the virtio device id; transitional devices have ids below 0x1040.
inline constexpr uint16_t kVirtioPciModernBase = 0x1040;

// Features about how a device reaches memory, which our drivers always do right: by the addresses
// that DriverPlatform gives, with barriers that hold for hardware too (virtio 1.2, 6).
inline constexpr uint64_t kVirtioFeatureAccessPlatform = uint64_t{1} << 33;
inline constexpr uint64_t kVirtioFeatureOrderPlatform = uint64_t{1} << 36;

// The modern (non-legacy) interface of a virtio device on PCI, driver side (virtio 1.2, 4.1). All
// interrupts come by MSI-X vector 0.
class VirtioPci {
 public:
  // Finds the registers, maps them, lets the device work and resets it. kNotSupported if the
  // device has no modern interface or no MSI-X, or if its messages would not reach the interrupt
  // controller; kCorrupt if its capabilities contradict themselves.
  Status Open(DriverPlatform& platform, PciFunction function);
  // From reset to FEATURES_OK, with the required features and those optional ones that are offered;
  // kNotSupported if a required one is not.
  Status Negotiate(uint64_t required, uint64_t optional);
  // Makes a queue of at most `limit` descriptors.
  Status SetUpQueue(uint16_t index, uint16_t limit, VirtqueueDriver* queue);
  void DriverOk();
  void Notify(uint16_t queue);
  // Gives the device up; it stops using memory.
  void Fail();

 private:
  static constexpr uint16_t kMaxQueues = 4;

  Status FindRegisters();
  // The registers a vendor capability of at least `min_length` bytes describes.
  Result<PciRegisters> MapCapability(uint8_t capability, uint32_t min_length, uint32_t alignment);
  Status Reset();
  void AddStatus(uint8_t bits);

  DriverPlatform* platform_ = nullptr;
  PciFunction function_;
  PciRegisters common_;
  PciRegisters notify_;
  uint32_t notify_multiplier_ = 0;
  uint64_t notify_offsets_[kMaxQueues] = {};
};

}  // namespace bulkhead

#endif  // BULKHEAD_DRIVERS_VIRTIO_VIRTIO_PCI_H_
