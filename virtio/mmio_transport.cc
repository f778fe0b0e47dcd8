// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "virtio/mmio_transport.h"

#include <algorithm>
#include <cstring>
#include <span>

namespace bulkhead {
namespace {

constexpr uint64_t kTransportFeatures = kVirtioFeatureVersion1 | kVirtioFeatureEventIdx;

void SetLow(uint64_t& word, uint32_t value) { word = (word & ~uint64_t{0xffffffff}) | value; }
void SetHigh(uint64_t& word, uint32_t value) {
  word = (word & 0xffffffff) | (uint64_t{value} << 32);
}

// Half of a 64-bit set of feature bits; nothing beyond.
uint32_t FeatureWord(uint64_t features, uint32_t select) {
  return select < 2 ? static_cast<uint32_t>(features >> (32 * select)) : 0;
}

}  // namespace

MmioTransport::MmioTransport(VirtioDevice& device, const GuestMemory& memory,
                             InterruptSink& interrupt)
    : device_(device), memory_(memory), interrupt_(interrupt) {
  device_.Attach(this);
}

uint64_t MmioTransport::OfferedFeatures() const { return device_.features() | kTransportFeatures; }

Virtqueue* MmioTransport::SelectedQueue() {
  const std::span<Virtqueue> queues = device_.queues();
  if (queue_select_ >= queues.size() || queue_select_ >= kMaxQueues) return nullptr;
  return &queues[queue_select_];
}

void MmioTransport::Raise(uint32_t cause) {
  interrupt_status_ |= cause;
  // An edge even if the bit was set already: the driver may have read the status just before.
  interrupt_.RaiseInterrupt();
}

uint64_t MmioTransport::Read(uint32_t offset, uint32_t width) {
  if (width != 1 && width != 2 && width != 4 && width != 8) return 0;
  if (offset >= kMmioConfig) {
    if (offset >= kMmioWindowSize) return 0;
    uint64_t value = 0;
    device_.ReadConfig(offset - kMmioConfig,
                       std::as_writable_bytes(std::span(&value, 1)).first(width));
    return value;
  }
  return width == 4 && offset % 4 == 0 ? ReadRegister(offset) : 0;
}

uint32_t MmioTransport::ReadRegister(uint32_t offset) {
  Virtqueue* queue = SelectedQueue();
  switch (offset) {
    case kMmioMagicValue:
      return kMmioMagic;
    case kMmioVersion:
      return kMmioVersion2;
    case kMmioDeviceId:
      return device_.device_id();
    case kMmioVendorId:
      return kMmioVendor;
    case kMmioDeviceFeatures:
      return FeatureWord(OfferedFeatures(), device_features_select_);
    case kMmioQueueSizeMax:
      return queue != nullptr ? device_.queue_size_limit(static_cast<uint16_t>(queue_select_)) : 0;
    case kMmioQueueReady:
      return queue != nullptr && queue->ready() ? 1 : 0;
    case kMmioInterruptStatus:
      return interrupt_status_;
    case kMmioStatus:
      return status_;
    case kMmioShmLenLow:
    case kMmioShmLenHigh:
    case kMmioShmBaseLow:
    case kMmioShmBaseHigh:
      return ~uint32_t{0};  // no shared memory: length and base are all ones (4.2.2)
    case kMmioConfigGeneration:
      return device_.config_generation();
    default:
      return 0;
  }
}

void MmioTransport::Write(uint32_t offset, uint32_t width, uint64_t value) {
  if (width != 1 && width != 2 && width != 4 && width != 8) return;
  if (offset >= kMmioConfig) {
    if (offset >= kMmioWindowSize) return;
    device_.WriteConfig(offset - kMmioConfig, std::as_bytes(std::span(&value, 1)).first(width));
    return;
  }
  if (width == 4 && offset % 4 == 0) WriteRegister(offset, static_cast<uint32_t>(value));
}

void MmioTransport::WriteRegister(uint32_t offset, uint32_t value) {
  switch (offset) {
    case kMmioDeviceFeaturesSel:
      device_features_select_ = value;
      break;
    case kMmioDriverFeaturesSel:
      driver_features_select_ = value;
      break;
    case kMmioDriverFeatures:
      WriteDriverFeatures(value);
      break;
    case kMmioQueueSel:
      queue_select_ = value;
      break;
    case kMmioQueueReady:
      WriteQueueReady(value);
      break;
    case kMmioQueueNotify:
      NotifyQueue(value);
      break;
    case kMmioInterruptAck:
      interrupt_status_ &= ~value;
      break;
    case kMmioStatus:
      WriteStatus(value);
      break;
    default:
      WriteQueueSetup(offset, value);
      break;
  }
}

void MmioTransport::WriteDriverFeatures(uint32_t value) {
  if ((status_ & kVirtioStatusFeaturesOk) != 0) return;
  switch (driver_features_select_) {
    case 0:
      SetLow(driver_features_, value);
      break;
    case 1:
      SetHigh(driver_features_, value);
      break;
    default:
      unknown_features_ |= value != 0;
      break;
  }
}

bool MmioTransport::FeaturesAcceptable() const {
  return !unknown_features_ && (driver_features_ & ~OfferedFeatures()) == 0 &&
         (driver_features_ & kVirtioFeatureVersion1) != 0;
}

// The order of the bits is that of virtio 1.2, 3.1.1. A driver may not clear a bit except by reset
// (2.1.1), so bits only add up.
void MmioTransport::WriteStatus(uint32_t value) {
  if (value == 0) {
    Reset();
    return;
  }
  constexpr uint32_t kDriverBits = kVirtioStatusAcknowledge | kVirtioStatusDriver |
                                   kVirtioStatusFeaturesOk | kVirtioStatusDriverOk |
                                   kVirtioStatusFailed;
  uint32_t added = value & kDriverBits & ~status_;
  const bool has_driver = ((status_ | added) & kVirtioStatusDriver) != 0;
  if ((added & kVirtioStatusFeaturesOk) != 0 && !(has_driver && FeaturesAcceptable())) {
    added &= ~kVirtioStatusFeaturesOk;  // the driver reads it back and gives up (3.1.1, 6)
  }
  if (((status_ | added) & kVirtioStatusFeaturesOk) == 0) added &= ~kVirtioStatusDriverOk;
  status_ |= added;
  if ((added & kVirtioStatusDriverOk) != 0) {
    device_.Activate(driver_features_);
    // Buffers may have been made available before.
    pending_ = (uint32_t{1} << std::min(device_.queues().size(), kMaxQueues)) - 1;
    RunPending();
  }
}

void MmioTransport::WriteQueueSetup(uint32_t offset, uint32_t value) {
  Virtqueue* queue = SelectedQueue();
  if (queue == nullptr || queue->ready()) return;
  QueueSetup& setup = setup_[queue_select_];
  switch (offset) {
    case kMmioQueueSize:
      setup.size = value;
      break;
    case kMmioQueueDescLow:
      SetLow(setup.descriptors, value);
      break;
    case kMmioQueueDescHigh:
      SetHigh(setup.descriptors, value);
      break;
    case kMmioQueueDriverLow:
      SetLow(setup.available, value);
      break;
    case kMmioQueueDriverHigh:
      SetHigh(setup.available, value);
      break;
    case kMmioQueueDeviceLow:
      SetLow(setup.used, value);
      break;
    case kMmioQueueDeviceHigh:
      SetHigh(setup.used, value);
      break;
    default:
      break;
  }
}

void MmioTransport::WriteQueueReady(uint32_t value) {
  Virtqueue* queue = SelectedQueue();
  if (queue == nullptr || (status_ & kVirtioStatusFeaturesOk) == 0) return;
  if (value == 0) {
    // A device cannot forget buffers it holds, so a queue stops only before DRIVER_OK or by reset
    // of the device (we do not offer VIRTIO_F_RING_RESET).
    if (!device_.active()) queue->Reset();
    return;
  }
  if (value != 1 || queue->ready()) return;
  const QueueSetup& setup = setup_[queue_select_];
  const auto size = static_cast<uint16_t>(std::min<uint32_t>(setup.size, 0xffff));
  const Virtqueue::Rings rings = {
      .descriptors = static_cast<GuestPhysical>(setup.descriptors),
      .available = static_cast<GuestPhysical>(setup.available),
      .used = static_cast<GuestPhysical>(setup.used),
  };
  queue->Enable(memory_, size, device_.queue_size_limit(static_cast<uint16_t>(queue_select_)),
                rings, (driver_features_ & kVirtioFeatureEventIdx) != 0);
  // The error stays in the queue for error().
}

void MmioTransport::NotifyQueue(uint32_t queue) {
  if (!device_.active() || queue >= device_.queues().size() || queue >= kMaxQueues) return;
  if (!device_.queues()[queue].ready() || error() != VirtqueueError::kNone) return;
  const uint32_t bit = uint32_t{1} << queue;
  if (device_.Notify(static_cast<uint16_t>(queue))) {
    pending_ |= bit;
  } else {
    pending_ &= ~bit;
  }
}

void MmioTransport::RunPending() {
  const uint32_t queues = pending_;
  pending_ = 0;
  for (uint32_t queue = 0; queue < kMaxQueues; ++queue) {
    if ((queues >> queue & 1) != 0) NotifyQueue(queue);
  }
}

void MmioTransport::Reset() {
  device_.Reset();
  setup_ = {};
  driver_features_ = 0;
  unknown_features_ = false;
  status_ = 0;
  interrupt_status_ = 0;
  device_features_select_ = driver_features_select_ = queue_select_ = 0;
  pending_ = 0;
}

}  // namespace bulkhead
