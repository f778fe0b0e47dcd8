// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "drivers/virtio/virtqueue_driver.h"

#include <bit>

#include "base/align.h"

namespace bulkhead {
namespace {

// 16 and 10 bytes a descriptor, the rings' heads and tails, and padding between the rings.
static_assert(VirtqDescriptorBytes(VirtqueueDriver::kMaxSize) +
                  VirtqAvailableBytes(VirtqueueDriver::kMaxSize) + kVirtqUsedAlignment +
                  VirtqUsedBytes(VirtqueueDriver::kMaxSize) <=
              kPageSize);

}  // namespace

Status VirtqueueDriver::Init(const DriverPlatform::DmaPage& page, uint16_t size) {
  if (!std::has_single_bit(size) || size > kMaxSize) return Status::kInvalidArgument;
  *this = VirtqueueDriver();
  size_ = size;
  bus_address_ = page.bus_address;
  descriptors_ = reinterpret_cast<VirtqDescriptor*>(page.bytes);
  available_ = reinterpret_cast<uint16_t*>(page.bytes + available_offset());
  used_ = reinterpret_cast<const uint16_t*>(page.bytes + used_offset());
  for (uint16_t i = 0; i < size; ++i) {
    records_[i].next = static_cast<uint16_t>(i + 1 < size ? i + 1 : kNone);
  }
  free_ = 0;
  free_count_ = size;
  return Status::kOk;
}

Result<uint16_t> VirtqueueDriver::Add(std::span<const Buffer> buffers) {
  if (buffers.empty()) return Status::kInvalidArgument;
  if (corrupt_) return Status::kCorrupt;
  if (buffers.size() > free_count_) return Status::kBusy;
  const uint16_t head = free_;
  uint32_t writable = 0;
  uint16_t last = head;
  for (size_t i = 0; i < buffers.size(); ++i) {
    last = free_;
    free_ = records_[last].next;
    const bool more = i + 1 < buffers.size();
    if (buffers[i].device_writes) writable += buffers[i].length;
    descriptors_[last] = {
        .address = buffers[i].bus_address,
        .length = buffers[i].length,
        .flags = static_cast<uint16_t>((buffers[i].device_writes ? kVirtqWrite : 0) |
                                       (more ? kVirtqNext : 0)),
        .next = static_cast<uint16_t>(more ? free_ : 0),
    };
  }
  records_[last].next = kNone;
  records_[head].head_in_flight = true;
  records_[head].writable = writable;
  free_count_ -= static_cast<uint16_t>(buffers.size());
  StoreShared(available_ + kVirtqRingWord + (next_available_ & (size_ - 1)), head);
  ++next_available_;
  return head;
}

bool VirtqueueDriver::Publish() {
  if (size_ == 0) return false;
  // The device must find descriptors and ring behind the index (virtio 1.2, 2.7.13.2).
  DmaRelease();
  StoreShared(available_ + kVirtqIndexWord, next_available_);
  // It must see the index before we look at whether it sleeps (2.7.13.4).
  DmaFence();
  return (LoadShared(used_ + kVirtqFlagsWord) & kVirtqNoNotify) == 0;
}

Result<VirtqueueDriver::Completion> VirtqueueDriver::Take() {
  if (corrupt_) return Status::kCorrupt;
  if (size_ == 0) return Status::kNotFound;
  const uint16_t index = LoadShared(used_ + kVirtqIndexWord);
  if (index == next_used_) return Status::kNotFound;
  // The element, and what the device wrote to the buffers, not before the index (2.7.14).
  DmaAcquire();
  const uint16_t slot = next_used_ & (size_ - 1);
  const auto* element =
      reinterpret_cast<const uint32_t*>(used_ + kVirtqRingWord) + size_t{2} * slot;
  const uint32_t id = LoadShared(element);
  const uint32_t written = LoadShared(element + 1);
  if (static_cast<uint16_t>(index - next_used_) > size_ || id >= size_ ||
      !records_[id].head_in_flight || written > records_[id].writable) {
    corrupt_ = true;
    return Status::kCorrupt;
  }
  ++next_used_;
  const auto head = static_cast<uint16_t>(id);
  records_[head].head_in_flight = false;
  uint16_t last = head;
  ++free_count_;
  while (records_[last].next != kNone) {
    last = records_[last].next;
    ++free_count_;
  }
  records_[last].next = free_;
  free_ = head;
  return Completion{.head = head, .written = written};
}

}  // namespace bulkhead
