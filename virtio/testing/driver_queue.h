// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_VIRTIO_TESTING_DRIVER_QUEUE_H_
#define BULKHEAD_VIRTIO_TESTING_DRIVER_QUEUE_H_

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "virtio/guest_memory.h"
#include "virtio/ring_layout.h"
#include "virtio/virtqueue.h"

namespace bulkhead::testing {

// A guest's RAM for tests, zeroed: two regions with a hole between them.
class TestRam {
 public:
  static constexpr uint64_t kLowBytes = 1 << 20;
  static constexpr uint64_t kHighStart = uint64_t{4} << 30;
  static constexpr uint64_t kHighBytes = 64 << 10;

  TestRam()
      : low_(Allocate(kLowBytes)),
        high_(Allocate(kHighBytes)),
        memory_({.start = 0, .bytes = {low_, kLowBytes}},
                {.start = kHighStart, .bytes = {high_, kHighBytes}}) {}
  ~TestRam() {
    std::free(low_);
    std::free(high_);
  }
  TestRam(const TestRam&) = delete;
  TestRam& operator=(const TestRam&) = delete;

  const GuestMemory& memory() const { return memory_; }
  std::span<std::byte> bytes(uint64_t address, uint64_t length) const {
    return memory_.Slice(static_cast<GuestPhysical>(address), length).value();
  }
  std::string text(uint64_t address, uint64_t length) const {
    const auto slice = bytes(address, length);
    return {reinterpret_cast<const char*>(slice.data()), slice.size()};
  }
  void Put(uint64_t address, std::string_view text) const {
    std::memcpy(bytes(address, text.size()).data(), text.data(), text.size());
  }
  template <typename T>
  void PutValue(uint64_t address, const T& value) const {
    memory_.Write(static_cast<GuestPhysical>(address), value);
  }

 private:
  static std::byte* Allocate(size_t bytes) {
    auto* memory = static_cast<std::byte*>(std::aligned_alloc(4096, bytes));
    std::memset(memory, 0, bytes);
    return memory;
  }

  std::byte* low_;
  std::byte* high_;
  GuestMemory memory_;
};

// Driver side of a queue, for tests: puts into the rings what it is told, right or wrong.
class DriverQueue {
 public:
  struct Buffer {
    uint64_t address;
    uint32_t length;
    bool write = false;
  };

  // The parts of the queue lie in the pages from `base` on: descriptors, available, used.
  DriverQueue(const TestRam& ram, uint64_t base, uint16_t size)
      : ram_(&ram), base_(base), size_(size) {}

  uint16_t size() const { return size_; }
  Virtqueue::Rings rings() const {
    return {.descriptors = static_cast<GuestPhysical>(base_),
            .available = static_cast<GuestPhysical>(base_ + 0x1000),
            .used = static_cast<GuestPhysical>(base_ + 0x2000)};
  }

  void SetDescriptor(uint16_t index, const VirtqDescriptor& descriptor) {
    ram_->PutValue(base_ + uint64_t{16} * index, descriptor);
  }
  // Writes a chain into the next descriptors, without making it available; returns its head.
  uint16_t Chain(std::span<const Buffer> buffers) {
    const uint16_t head = next_descriptor_;
    for (size_t i = 0; i < buffers.size(); ++i) {
      const auto index = static_cast<uint16_t>(next_descriptor_ % size_);
      next_descriptor_ = static_cast<uint16_t>((index + 1) % size_);
      const bool last = i + 1 == buffers.size();
      SetDescriptor(index, {.address = buffers[i].address,
                            .length = buffers[i].length,
                            .flags = static_cast<uint16_t>((buffers[i].write ? kVirtqWrite : 0) |
                                                           (last ? 0 : kVirtqNext)),
                            .next = next_descriptor_});
    }
    return head;
  }
  void Offer(uint16_t head) {
    ram_->PutValue(base_ + 0x1000 + 2 * (kVirtqRingWord + available_ % size_), head);
    SetAvailableIndex(++available_);
  }
  uint16_t Add(std::span<const Buffer> buffers) {
    const uint16_t head = Chain(buffers);
    Offer(head);
    return head;
  }
  uint16_t Add(std::initializer_list<Buffer> buffers) {
    return Add(std::span(buffers.begin(), buffers.size()));
  }
  void SetAvailableIndex(uint16_t index) { Word(base_ + 0x1000, kVirtqIndexWord, index); }
  void SetAvailableFlags(uint16_t flags) { Word(base_ + 0x1000, kVirtqFlagsWord, flags); }
  void SetUsedEvent(uint16_t event) { Word(base_ + 0x1000, VirtqUsedEventWord(size_), event); }

  uint16_t used_index() const { return Word(base_ + 0x2000, kVirtqIndexWord); }
  uint16_t available_event() const { return Word(base_ + 0x2000, VirtqAvailEventWord(size_)); }
  VirtqUsedElement used(uint16_t index) const {
    const uint64_t address = base_ + 0x2000 + 4 + uint64_t{8} * (index % size_);
    return ram_->memory().Read<VirtqUsedElement>(static_cast<GuestPhysical>(address)).value();
  }

 private:
  void Word(uint64_t ring, size_t word, uint16_t value) { ram_->PutValue(ring + 2 * word, value); }
  uint16_t Word(uint64_t ring, size_t word) const {
    return ram_->memory().Read<uint16_t>(static_cast<GuestPhysical>(ring + 2 * word)).value();
  }

  const TestRam* ram_;
  uint64_t base_;
  uint16_t size_;
  uint16_t next_descriptor_ = 0;
  uint16_t available_ = 0;
};

}  // namespace bulkhead::testing

#endif  // BULKHEAD_VIRTIO_TESTING_DRIVER_QUEUE_H_
