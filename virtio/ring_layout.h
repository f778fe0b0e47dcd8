// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_VIRTIO_RING_LAYOUT_H_
#define BULKHEAD_VIRTIO_RING_LAYOUT_H_

// The split virtqueue as it lies in memory (virtio 1.2, 2.7), for the device and the driver side.

#include <bit>
#include <cstddef>
#include <cstdint>

namespace bulkhead {

static_assert(std::endian::native == std::endian::little, "rings are little-endian");

// The largest queue on either side; the standard allows 32768 (virtio 1.2, 2.7).
inline constexpr uint16_t kVirtqueueMaxSize = 256;

// virtio 1.2, 2.7.5.
struct VirtqDescriptor {
  uint64_t address;  // guest-physical
  uint32_t length;   // bytes
  uint16_t flags;
  uint16_t next;  // index of the next descriptor, if kVirtqNext
};
static_assert(sizeof(VirtqDescriptor) == 16);
static_assert(offsetof(VirtqDescriptor, length) == 8);
static_assert(offsetof(VirtqDescriptor, flags) == 12);
static_assert(offsetof(VirtqDescriptor, next) == 14);

inline constexpr uint16_t kVirtqNext = 1;
inline constexpr uint16_t kVirtqWrite = 2;  // the device writes
inline constexpr uint16_t kVirtqIndirect = 4;

// virtio 1.2, 2.7.8.
struct VirtqUsedElement {
  uint32_t id;
  uint32_t length;  // bytes the device wrote
};
static_assert(sizeof(VirtqUsedElement) == 8);

inline constexpr uint16_t kVirtqNoInterrupt = 1;  // flag in the available ring
inline constexpr uint16_t kVirtqNoNotify = 1;     // flag in the used ring

// Alignments of the three parts (virtio 1.2, 2.7).
inline constexpr uint64_t kVirtqDescriptorAlignment = 16;
inline constexpr uint64_t kVirtqAvailableAlignment = 2;
inline constexpr uint64_t kVirtqUsedAlignment = 4;

// Bytes of the three parts of a queue of `size`, with the event fields at the ends of the rings.
constexpr uint64_t VirtqDescriptorBytes(uint16_t size) { return uint64_t{16} * size; }
constexpr uint64_t VirtqAvailableBytes(uint16_t size) { return 6 + uint64_t{2} * size; }
constexpr uint64_t VirtqUsedBytes(uint16_t size) { return 6 + uint64_t{8} * size; }

// Both rings begin with two 16-bit words, flags and index; in 16-bit words from the ring's start:
inline constexpr size_t kVirtqFlagsWord = 0;
inline constexpr size_t kVirtqIndexWord = 1;
inline constexpr size_t kVirtqRingWord = 2;
constexpr size_t VirtqUsedEventWord(uint16_t size) { return kVirtqRingWord + size; }
constexpr size_t VirtqAvailEventWord(uint16_t size) { return kVirtqRingWord + size_t{4} * size; }

// Whether moving an index from `before` to `now` passes `event` (virtio 1.2, 2.7.10.1).
constexpr bool VirtqEventPassed(uint16_t event, uint16_t now, uint16_t before) {
  return static_cast<uint16_t>(now - event - 1) < static_cast<uint16_t>(now - before);
}

// Reserved feature bits (virtio 1.2, 6).
inline constexpr uint64_t kVirtioFeatureEventIdx = uint64_t{1} << 29;
inline constexpr uint64_t kVirtioFeatureVersion1 = uint64_t{1} << 32;

// Device status bits (virtio 1.2, 2.1).
inline constexpr uint32_t kVirtioStatusAcknowledge = 1;
inline constexpr uint32_t kVirtioStatusDriver = 2;
inline constexpr uint32_t kVirtioStatusDriverOk = 4;
inline constexpr uint32_t kVirtioStatusFeaturesOk = 8;
inline constexpr uint32_t kVirtioStatusNeedsReset = 64;
inline constexpr uint32_t kVirtioStatusFailed = 128;

// Access to a word that the other side may change at any moment: exactly one load or store, which
// the compiler can neither repeat nor split.
template <typename T>
T LoadShared(const T* word, int order = __ATOMIC_RELAXED) {
  return order == __ATOMIC_ACQUIRE ? __atomic_load_n(word, __ATOMIC_ACQUIRE)
                                   : __atomic_load_n(word, __ATOMIC_RELAXED);
}
template <typename T>
void StoreShared(T* word, T value, int order = __ATOMIC_RELAXED) {
  if (order == __ATOMIC_RELEASE) {
    __atomic_store_n(word, value, __ATOMIC_RELEASE);
  } else {
    __atomic_store_n(word, value, __ATOMIC_RELAXED);
  }
}
// Orders our store to one word before our load of another (virtio 1.2, 2.7.13.4 and 2.7.14).
inline void SharedFence() { __atomic_thread_fence(__ATOMIC_SEQ_CST); }

}  // namespace bulkhead

#endif  // BULKHEAD_VIRTIO_RING_LAYOUT_H_
