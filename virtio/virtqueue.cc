// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "virtio/virtqueue.h"

#include <array>
#include <bit>
#include <limits>
#include <optional>
#include <span>

#include "base/align.h"

namespace bulkhead {
namespace {

// A ring part as host memory, or nothing if it is not all RAM.
std::optional<std::span<std::byte>> RingPart(const GuestMemory& memory, GuestPhysical address,
                                             uint64_t bytes) {
  return memory.Slice(address, bytes);
}

bool Aligned(GuestPhysical address, uint64_t alignment) {
  return IsAligned(Raw(address), alignment);
}

bool Aligned(std::span<std::byte> bytes, uint64_t alignment) {
  return IsAligned(reinterpret_cast<uintptr_t>(bytes.data()), alignment);
}

}  // namespace

const char* VirtqueueErrorText(VirtqueueError error) {
  switch (error) {
    case VirtqueueError::kNone:
      return "no error";
    case VirtqueueError::kBadSize:
      return "queue size is not a power of two within the limit";
    case VirtqueueError::kRingUnaligned:
      return "ring address is not aligned";
    case VirtqueueError::kRingOutsideMemory:
      return "ring lies outside guest memory";
    case VirtqueueError::kIndexAhead:
      return "available index runs ahead of the queue size";
    case VirtqueueError::kHeadOutOfRange:
      return "available ring names a descriptor past the table";
    case VirtqueueError::kNextOutOfRange:
      return "descriptor names a next one past the table";
    case VirtqueueError::kLoop:
      return "descriptors loop";
    case VirtqueueError::kIndirect:
      return "indirect descriptor without the feature";
    case VirtqueueError::kZeroLength:
      return "descriptor has zero length";
    case VirtqueueError::kHugeLength:
      return "descriptor length runs past guest memory";
    case VirtqueueError::kOutsideMemory:
      return "descriptor points outside guest memory";
    case VirtqueueError::kReadableAfterWritable:
      return "readable descriptor after a writable one";
    case VirtqueueError::kBadRequest:
      return "buffer is not a request this device knows";
  }
  return "unknown virtqueue error";
}

VirtqueueError Virtqueue::Enable(const GuestMemory& memory, uint16_t size, uint16_t limit,
                                 const Rings& rings, bool event_idx) {
  Reset();
  if (!std::has_single_bit(size) || size > limit || size > kVirtqueueMaxSize) {
    return error_ = VirtqueueError::kBadSize;
  }
  if (!Aligned(rings.descriptors, kVirtqDescriptorAlignment) ||
      !Aligned(rings.available, kVirtqAvailableAlignment) ||
      !Aligned(rings.used, kVirtqUsedAlignment)) {
    return error_ = VirtqueueError::kRingUnaligned;
  }
  const auto descriptors = RingPart(memory, rings.descriptors, VirtqDescriptorBytes(size));
  const auto available = RingPart(memory, rings.available, VirtqAvailableBytes(size));
  const auto used = RingPart(memory, rings.used, VirtqUsedBytes(size));
  if (!descriptors || !available || !used) {
    return error_ = VirtqueueError::kRingOutsideMemory;
  }
  // Guest memory is mapped page by page, so alignment carries over; a caller that maps it
  // otherwise must not make us misaligned accesses.
  if (!Aligned(*descriptors, kVirtqDescriptorAlignment) ||
      !Aligned(*available, kVirtqAvailableAlignment) || !Aligned(*used, kVirtqUsedAlignment)) {
    return error_ = VirtqueueError::kRingUnaligned;
  }
  memory_ = &memory;
  descriptors_ = reinterpret_cast<const uint64_t*>(descriptors->data());
  available_ = reinterpret_cast<const uint16_t*>(available->data());
  used_ = reinterpret_cast<uint16_t*>(used->data());
  size_ = size;
  event_idx_ = event_idx;
  return VirtqueueError::kNone;
}

void Virtqueue::Fail(VirtqueueError error) {
  if (error_ == VirtqueueError::kNone) error_ = error;
}

// Reads the driver's index; false if it cannot be right. A driver may have at most size buffers
// that we did not give back yet, popped or not.
bool Virtqueue::RefreshAvailable() {
  available_index_ = LoadShared(available_ + kVirtqIndexWord, __ATOMIC_ACQUIRE);
  if (static_cast<uint16_t>(available_index_ - next_used_) > size_ ||
      static_cast<uint16_t>(available_index_ - next_available_) > size_) {
    Fail(VirtqueueError::kIndexAhead);
    return false;
  }
  return true;
}

Virtqueue::PopResult Virtqueue::Pop(VirtqueueChain& chain) {
  if (error_ != VirtqueueError::kNone) return PopResult::kError;
  if (!ready()) return PopResult::kEmpty;
  if (next_available_ == available_index_) {
    if (!RefreshAvailable()) return PopResult::kError;
    if (next_available_ == available_index_ && event_idx_) {
      // Ask for the notification, then look again: the driver may have decided in between that
      // none is wanted (virtio 1.2, 2.7.10).
      StoreShared(used_ + VirtqAvailEventWord(size_), next_available_);
      SharedFence();
      if (!RefreshAvailable()) return PopResult::kError;
    }
    if (next_available_ == available_index_) return PopResult::kEmpty;
  }
  const uint16_t slot = next_available_ & (size_ - 1);
  const uint16_t head = LoadShared(available_ + kVirtqRingWord + slot);
  if (const VirtqueueError error = ReadChain(head, chain); error != VirtqueueError::kNone) {
    Fail(error);
    return PopResult::kError;
  }
  ++next_available_;
  return PopResult::kChain;
}

VirtqueueError Virtqueue::ReadChain(uint16_t head, VirtqueueChain& chain) const {
  if (head >= size_) return VirtqueueError::kHeadOutOfRange;
  chain.head_ = head;
  chain.count_ = chain.readable_count_ = 0;
  chain.readable_bytes_ = chain.writable_bytes_ = 0;
  for (uint16_t index = head;;) {
    if (chain.count_ == size_) return VirtqueueError::kLoop;
    const uint64_t* words = descriptors_ + size_t{2} * index;
    const auto descriptor =
        std::bit_cast<VirtqDescriptor>(std::array{LoadShared(words), LoadShared(words + 1)});
    if (const VirtqueueError error = AddSegment(descriptor, chain);
        error != VirtqueueError::kNone) {
      return error;
    }
    if ((descriptor.flags & kVirtqNext) == 0) return VirtqueueError::kNone;
    if (descriptor.next >= size_) return VirtqueueError::kNextOutOfRange;
    index = descriptor.next;
  }
}

VirtqueueError Virtqueue::AddSegment(const VirtqDescriptor& descriptor,
                                     VirtqueueChain& chain) const {
  if ((descriptor.flags & kVirtqIndirect) != 0) return VirtqueueError::kIndirect;
  if (descriptor.length == 0) return VirtqueueError::kZeroLength;
  const auto address = static_cast<GuestPhysical>(descriptor.address);
  const auto bytes = memory_->Slice(address, descriptor.length);
  if (!bytes) {
    return memory_->Slice(address, 1) ? VirtqueueError::kHugeLength
                                      : VirtqueueError::kOutsideMemory;
  }
  // A chain holds at most 2^32 bytes (virtio 1.2, 2.7.5.2); we count in 32 bits.
  const uint64_t total =
      uint64_t{chain.readable_bytes_} + chain.writable_bytes_ + descriptor.length;
  if (total > std::numeric_limits<uint32_t>::max()) return VirtqueueError::kHugeLength;
  if ((descriptor.flags & kVirtqWrite) != 0) {
    chain.writable_bytes_ += descriptor.length;
  } else {
    if (chain.count_ != chain.readable_count_) return VirtqueueError::kReadableAfterWritable;
    ++chain.readable_count_;
    chain.readable_bytes_ += descriptor.length;
  }
  chain.segments_[chain.count_++] = *bytes;
  return VirtqueueError::kNone;
}

void Virtqueue::Push(uint16_t head, uint32_t written) {
  if (!ready()) return;
  const uint16_t slot = next_used_ & (size_ - 1);
  auto* element = reinterpret_cast<uint32_t*>(used_ + kVirtqRingWord) + size_t{2} * slot;
  StoreShared(element, uint32_t{head});
  StoreShared(element + 1, written);
  ++next_used_;
  StoreShared(used_ + kVirtqIndexWord, next_used_, __ATOMIC_RELEASE);
}

bool Virtqueue::TakeInterrupt() {
  if (!ready() || next_used_ == signalled_used_) return false;
  const uint16_t before = signalled_used_;
  signalled_used_ = next_used_;
  // The driver must see the used index before we look at whether it sleeps.
  SharedFence();
  if (!event_idx_) {
    return (LoadShared(available_ + kVirtqFlagsWord) & kVirtqNoInterrupt) == 0;
  }
  return VirtqEventPassed(LoadShared(available_ + VirtqUsedEventWord(size_)), next_used_, before);
}

}  // namespace bulkhead
