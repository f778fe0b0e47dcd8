// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "drivers/virtio/virtio_pci.h"

#include <algorithm>
#include <bit>

#include "base/align.h"

namespace bulkhead {
namespace {

// Fields of struct virtio_pci_cap, from its start (virtio 1.2, 4.1.4).
constexpr uint32_t kCapLength = 2;
constexpr uint32_t kCapType = 3;
constexpr uint32_t kCapBar = 4;
constexpr uint32_t kCapOffset = 8;
constexpr uint32_t kCapRegionLength = 12;
constexpr uint32_t kCapNotifyMultiplier = 16;
constexpr uint32_t kCapBytes = 16;
constexpr uint32_t kCapNotifyBytes = 20;

// A reset completes when the status reads zero (2.4.1); QEMU's is immediate.
constexpr int kResetReads = 100000;

}  // namespace

Status VirtioPci::Open(DriverPlatform& platform, PciFunction function) {
  platform_ = &platform;
  function_ = function;
  BULKHEAD_RETURN_IF_ERROR(FindRegisters());
  function_.EnableMemory();
  BULKHEAD_RETURN_IF_ERROR(Reset());
  function_.EnableBusMaster();
  const auto device = function_.MsiDevice();
  if (!device.ok()) return Status::kNotSupported;
  const auto message = platform.AllocateMsi(*device);
  if (!message.ok()) return message.status();
  return function_.EnableMsix(*message);
}

// The first capability of a kind is the one to use (4.1.4.1).
Status VirtioPci::FindRegisters() {
  uint8_t capability = function_.FindCapability(kPciCapabilityVendor, 0);
  for (int i = 0; i < kPciMaxCapabilities && capability != 0; ++i) {
    const uint8_t type = function_.config().Read8(capability + kCapType);
    if (type == kVirtioPciCapCommon && common_.size() == 0) {
      const auto part = MapCapability(capability, kCapBytes, sizeof(uint32_t));
      if (!part.ok()) return part.status();
      if (part->size() < kVirtioPciCommonBytes) return Status::kCorrupt;
      common_ = *part;
    } else if (type == kVirtioPciCapNotify && notify_.size() == 0) {
      const auto part = MapCapability(capability, kCapNotifyBytes, sizeof(uint16_t));
      if (!part.ok()) return part.status();
      notify_ = *part;
      notify_multiplier_ = function_.config().Read32(capability + kCapNotifyMultiplier);
    }
    capability = function_.FindCapability(kPciCapabilityVendor, capability);
  }
  return common_.size() != 0 && notify_.size() != 0 ? Status::kOk : Status::kNotSupported;
}

Result<PciRegisters> VirtioPci::MapCapability(uint8_t capability, uint32_t min_length,
                                              uint32_t alignment) {
  const PciRegisters& config = function_.config();
  const uint32_t length = config.Read8(capability + kCapLength);
  const uint32_t offset = config.Read32(capability + kCapOffset);
  if (length < min_length || capability + length > 256 || !IsAligned(offset, alignment)) {
    return Status::kCorrupt;
  }
  const auto bar = function_.MapBar(config.Read8(capability + kCapBar));
  if (!bar.ok()) return bar.status();
  return bar->Part(offset, config.Read32(capability + kCapRegionLength));
}

void VirtioPci::AddStatus(uint8_t bits) {
  common_.Write8(kVirtioPciStatus, common_.Read8(kVirtioPciStatus) | bits);
}

Status VirtioPci::Reset() {
  common_.Write8(kVirtioPciStatus, 0);
  for (int i = 0; i < kResetReads; ++i) {
    if (common_.Read8(kVirtioPciStatus) == 0) return Status::kOk;
  }
  return Status::kTimedOut;
}

Status VirtioPci::Negotiate(uint64_t required, uint64_t optional) {
  AddStatus(kVirtioStatusAcknowledge);
  AddStatus(kVirtioStatusDriver);
  uint64_t offered = 0;
  for (uint32_t word = 0; word < 2; ++word) {
    common_.Write32(kVirtioPciDeviceFeatureSelect, word);
    offered |= uint64_t{common_.Read32(kVirtioPciDeviceFeature)} << (32 * word);
  }
  if ((required & ~offered) != 0) return Status::kNotSupported;
  const uint64_t accepted = required | (optional & offered);
  for (uint32_t word = 0; word < 2; ++word) {
    common_.Write32(kVirtioPciDriverFeatureSelect, word);
    common_.Write32(kVirtioPciDriverFeature, static_cast<uint32_t>(accepted >> (32 * word)));
  }
  AddStatus(kVirtioStatusFeaturesOk);
  if ((common_.Read8(kVirtioPciStatus) & kVirtioStatusFeaturesOk) == 0) {
    return Status::kNotSupported;
  }
  common_.Write16(kVirtioPciConfigVector, kVirtioPciNoVector);
  return Status::kOk;
}

Status VirtioPci::SetUpQueue(uint16_t index, uint16_t limit, VirtqueueDriver* queue) {
  if (index >= kMaxQueues) return Status::kInvalidArgument;
  if (index >= common_.Read16(kVirtioPciQueueCount)) return Status::kNotSupported;
  common_.Write16(kVirtioPciQueueSelect, index);
  const uint16_t largest = common_.Read16(kVirtioPciQueueSize);
  if (largest == 0) return Status::kNotSupported;
  const uint16_t size = std::bit_floor(std::min({largest, limit, VirtqueueDriver::kMaxSize}));
  const uint64_t offset =
      uint64_t{common_.Read16(kVirtioPciQueueNotifyOffset)} * notify_multiplier_;
  if (!IsAligned(offset, sizeof(uint16_t)) || !notify_.Part(offset, sizeof(uint16_t)).ok())
    return Status::kCorrupt;
  notify_offsets_[index] = offset;
  const auto page = platform_->AllocateDma();
  if (!page.ok()) return page.status();
  BULKHEAD_RETURN_IF_ERROR(queue->Init(*page, size));
  common_.Write16(kVirtioPciQueueSize, size);
  common_.Write16(kVirtioPciQueueVector, 0);
  // A device that could not set up the vector says so by reading back none (4.1.5.1.2).
  if (common_.Read16(kVirtioPciQueueVector) != 0) return Status::kNotSupported;
  common_.Write64(kVirtioPciQueueDescriptors, queue->descriptors_bus());
  common_.Write64(kVirtioPciQueueDriver, queue->available_bus());
  common_.Write64(kVirtioPciQueueDevice, queue->used_bus());
  common_.Write16(kVirtioPciQueueEnable, 1);
  return Status::kOk;
}

void VirtioPci::DriverOk() { AddStatus(kVirtioStatusDriverOk); }

void VirtioPci::Notify(uint16_t queue) {
  if (queue < kMaxQueues) notify_.Write16(notify_offsets_[queue], queue);
}

void VirtioPci::Fail() {
  AddStatus(kVirtioStatusFailed);
  (void)Reset();
}

}  // namespace bulkhead
