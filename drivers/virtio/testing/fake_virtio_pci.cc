// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "drivers/virtio/testing/fake_virtio_pci.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "drivers/virtio/virtio_pci.h"

namespace bulkhead::testing {
namespace {

constexpr uint64_t kEcamBytes = uint64_t{1} << 20;
constexpr uint64_t kFunctionOffset = 3 * 8 * kPciFunctionBytes;  // 00:03.0

// Offset of `address` from `start`, or `size` if it is not within so many bytes.
uint64_t OffsetIn(uint64_t start, uint64_t size, const volatile std::byte* address) {
  return std::min<uint64_t>(reinterpret_cast<uintptr_t>(address) - start, size);
}

uint32_t ReadBytes(const std::byte* bytes, int width) {
  uint32_t value = 0;
  std::memcpy(&value, bytes, static_cast<size_t>(width));
  return value;
}

void SetHalf(uint64_t& word, uint64_t offset, uint32_t value) {
  const unsigned shift = offset % 8 == 0 ? 0 : 32;
  word = (word & ~(uint64_t{0xffffffff} << shift)) | (uint64_t{value} << shift);
}

}  // namespace

FakeVirtioPci::FakeVirtioPci(VirtioDevice& device) : device_(device) {
  host.ecam = kEcam;
  device.Attach(this);
  PutConfig<uint16_t>(kPciVendorId, kVirtioPciVendor);
  PutConfig<uint16_t>(kPciDeviceId,
                      static_cast<uint16_t>(kVirtioPciModernBase + device.device_id()));
  PutConfig<uint16_t>(kPciStatus, kPciStatusCapabilities);
  PutConfig<uint32_t>(kPciBar0 + 4, kMsixBar);
  PutConfig<uint32_t>(kPciBar0 + 16, static_cast<uint32_t>(kRegistersBar) | 0xc);
  PutConfig<uint32_t>(kPciBar0 + 20, static_cast<uint32_t>(kRegistersBar >> 32));
  // The last one first, as QEMU has them.
  PutConfig<uint8_t>(kPciCapabilities, kMsixCap);
  PutConfig<uint8_t>(kMsixCap, kPciCapabilityMsix);
  PutConfig<uint8_t>(kMsixCap + 1, kNotifyCap);
  PutConfig<uint16_t>(kMsixCap + 2, 1);  // two vectors
  PutConfig<uint32_t>(kMsixCap + 4, 1);  // at the start of BAR 1
  PutCapability(kNotifyCap, 0x60, kVirtioPciCapNotify, kNotifyOffset, 0x1000);
  PutConfig<uint8_t>(kNotifyCap + 2, 20);
  PutConfig<uint32_t>(kNotifyCap + 16, kNotifyMultiplier);
  PutCapability(0x60, 0x50, kVirtioPciCapDevice, 0x2000, 0x1000);
  PutCapability(0x50, kCommonCap, kVirtioPciCapIsr, 0x1000, 0x1000);
  PutCapability(kCommonCap, 0, kVirtioPciCapCommon, 0, 0x1000);
}

void FakeVirtioPci::PutCapability(uint8_t at, uint8_t next, uint8_t type, uint32_t offset,
                                  uint32_t length) {
  PutConfig<uint8_t>(at, kPciCapabilityVendor);
  PutConfig<uint8_t>(at + 1, next);
  PutConfig<uint8_t>(at + 2, 16);
  PutConfig<uint8_t>(at + 3, type);
  PutConfig<uint8_t>(at + 4, 4);  // BAR
  PutConfig<uint32_t>(at + 8, offset);
  PutConfig<uint32_t>(at + 12, length);
}

Result<volatile std::byte*> FakeVirtioPci::MapDevice(HostPhysical start, uint64_t length) {
  if (Raw(start) % 4096 != 0 || length % 4096 != 0) return Status::kInvalidArgument;
  for (const auto& [first, size] : {std::pair<uint64_t, uint64_t>{Raw(kEcam), kEcamBytes},
                                    {Bar(4, true), kRegistersBarBytes},
                                    {Bar(1, false), kMsixBarBytes}}) {
    if (Raw(start) == first && length <= size) {
      return reinterpret_cast<volatile std::byte*>(Raw(start));
    }
  }
  return Status::kDenied;
}

uint64_t FakeVirtioPci::Bar(uint32_t index, bool wide) const {
  const std::byte* const bar = config_.data() + kPciBar0 + 4 * index;
  const uint64_t high = wide ? ReadBytes(bar + 4, 4) : 0;
  return (high << 32 | (ReadBytes(bar, 4) & ~15U)) + window_offset;
}

uint64_t FakeVirtioPci::OffsetInBar(uint32_t index, bool wide, uint64_t size,
                                    const volatile std::byte* address) const {
  if ((ReadBytes(config_.data() + kPciCommand, 2) & kPciCommandMemory) == 0) return size;
  return OffsetIn(Bar(index, wide), size, address);
}

Result<DriverPlatform::DmaPage> FakeVirtioPci::AllocateDma() {
  if (dma_pages_left == 0) return Status::kNoMemory;
  --dma_pages_left;
  const uint64_t address = next_dma_;
  next_dma_ += 0x1000;
  return DmaPage{.bytes = ram_.bytes(address, 0x1000).data(), .bus_address = address};
}

uint32_t FakeVirtioPci::ReadDevice(const volatile std::byte* address, int width) {
  if (const uint64_t offset = OffsetIn(Raw(kEcam), kEcamBytes, address); offset < kEcamBytes) {
    if (offset < kFunctionOffset || offset - kFunctionOffset >= config_.size()) {
      return ~uint32_t{0} >> (32 - 8 * width);
    }
    return ReadBytes(config_.data() + (offset - kFunctionOffset), width);
  }
  if (const uint64_t offset = OffsetInBar(4, true, kRegistersBarBytes, address);
      offset < kRegistersBarBytes) {
    return ReadCommon(offset);
  }
  const uint64_t offset = OffsetInBar(1, false, kMsixBarBytes, address);
  return offset < kMsixBarBytes ? ReadBytes(msix_.data() + offset, width) : 0;
}

void FakeVirtioPci::WriteDevice(volatile std::byte* address, int width, uint32_t value) {
  if (const uint64_t offset = OffsetIn(Raw(kEcam), kEcamBytes, address); offset < kEcamBytes) {
    if (offset >= kFunctionOffset && offset - kFunctionOffset < config_.size()) {
      WriteConfigSpace(static_cast<uint32_t>(offset - kFunctionOffset), width, value);
    }
    return;
  }
  if (const uint64_t offset = OffsetInBar(4, true, kRegistersBarBytes, address);
      offset < kRegistersBarBytes) {
    if (offset >= kNotifyOffset) {
      NotifyQueue(static_cast<uint16_t>(value));
    } else {
      WriteCommon(offset, value);
    }
    return;
  }
  if (const uint64_t offset = OffsetInBar(1, false, kMsixBarBytes, address);
      offset < kMsixBarBytes) {
    std::memcpy(msix_.data() + offset, &value, static_cast<size_t>(width));
  }
}

void FakeVirtioPci::WriteConfigSpace(uint32_t offset, int width, uint32_t value) {
  // Only the bits of a BAR above its size can be written.
  if (offset == kPciBar0 + 4) {
    value &= ~(kMsixBarBytes - 1);
  } else if (offset == kPciBar0 + 16) {
    value = (value & ~(kRegistersBarBytes - 1)) | 0xc;
  } else if (offset >= kPciBar0 && offset < kPciBar0 + 16) {
    value = 0;
  } else if (offset != kPciCommand && offset != kPciBar0 + 20 && offset != kMsixCap + 2) {
    return;
  }
  std::memcpy(config_.data() + offset, &value, static_cast<size_t>(width));
}

uint32_t FakeVirtioPci::ReadCommon(uint64_t offset) const {
  const bool exists = queue_select_ < device_.queues().size();
  switch (offset) {
    case kVirtioPciDeviceFeature:
      return device_select_ < 2
                 ? static_cast<uint32_t>((offered | device_.features()) >> (32 * device_select_))
                 : 0;
    case kVirtioPciQueueCount:
      return static_cast<uint32_t>(device_.queues().size());
    case kVirtioPciStatus:
      return status_;
    case kVirtioPciQueueSize:
      return exists ? device_.queue_size_limit(queue_select_) : 0;
    case kVirtioPciQueueVector:
      return exists ? setup_[queue_select_].vector : 0xffff;
    case kVirtioPciQueueNotifyOffset:
      return queue_select_;
    default:
      return 0;
  }
}

void FakeVirtioPci::WriteCommon(uint64_t offset, uint32_t value) {
  QueueSetup& setup = setup_[queue_select_ % setup_.size()];
  switch (offset) {
    case kVirtioPciDeviceFeatureSelect:
      device_select_ = value;
      break;
    case kVirtioPciDriverFeatureSelect:
      driver_select_ = value;
      break;
    case kVirtioPciDriverFeature:
      SetHalf(driver_features_, driver_select_ == 0 ? 0 : 4, value);
      break;
    case kVirtioPciStatus:
      if (value == 0) {
        device_.Reset();
        setup_ = {};
      }
      if ((value & ~status_ & kVirtioStatusDriverOk) != 0) device_.Activate(driver_features_);
      status_ = static_cast<uint8_t>(value);
      break;
    case kVirtioPciQueueSelect:
      queue_select_ = static_cast<uint16_t>(value);
      break;
    case kVirtioPciQueueSize:
      setup.size = static_cast<uint16_t>(value);
      break;
    case kVirtioPciQueueVector:
      setup.vector = refuse_vector ? kVirtioPciNoVector : static_cast<uint16_t>(value);
      break;
    case kVirtioPciQueueDescriptors:
    case kVirtioPciQueueDescriptors + 4:
      SetHalf(setup.descriptors, offset, value);
      break;
    case kVirtioPciQueueDriver:
    case kVirtioPciQueueDriver + 4:
      SetHalf(setup.available, offset, value);
      break;
    case kVirtioPciQueueDevice:
    case kVirtioPciQueueDevice + 4:
      SetHalf(setup.used, offset, value);
      break;
    case kVirtioPciQueueEnable:
      if (value == 1) EnableQueue();
      break;
    default:
      break;
  }
}

void FakeVirtioPci::EnableQueue() {
  if (queue_select_ >= device_.queues().size()) return;
  const QueueSetup& setup = setup_[queue_select_];
  device_.queues()[queue_select_].Enable(ram_.memory(), setup.size,
                                         device_.queue_size_limit(queue_select_),
                                         {.descriptors = GuestPhysical{setup.descriptors},
                                          .available = GuestPhysical{setup.available},
                                          .used = GuestPhysical{setup.used}},
                                         false);
}

void FakeVirtioPci::NotifyQueue(uint16_t queue) {
  if (mute || queue >= device_.queues().size()) return;
  while (device_.Notify(queue)) {
  }
}

void FakeVirtioPci::UsedBuffers() {
  const uint32_t control = ReadBytes(config_.data() + kMsixCap + 2, 2);
  const uint32_t command = ReadBytes(config_.data() + kPciCommand, 2);
  const bool enabled = (control & 0xc000) == 0x8000 && (command & kPciCommandBusMaster) != 0;
  const bool masked = ReadBytes(msix_.data() + 12, 4) != 0;
  if (enabled && !masked && ReadBytes(msix_.data(), 4) == kMsiAddress &&
      ReadBytes(msix_.data() + 4, 4) == 0 && ReadBytes(msix_.data() + 8, 4) == kMsiData) {
    ++interrupts;
  }
}

}  // namespace bulkhead::testing
