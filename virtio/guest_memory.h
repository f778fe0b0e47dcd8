// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_VIRTIO_GUEST_MEMORY_H_
#define BULKHEAD_VIRTIO_GUEST_MEMORY_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>

namespace bulkhead {

// An address as the guest's devices and page tables know it.
enum class GuestPhysical : uint64_t {};
constexpr uint64_t Raw(GuestPhysical address) { return static_cast<uint64_t>(address); }
constexpr GuestPhysical operator+(GuestPhysical address, uint64_t offset) {
  return static_cast<GuestPhysical>(Raw(address) + offset);
}

// One guest's RAM as its VMM sees it: at most two pieces of host memory (below and above the
// device hole under 4 GiB). The guest may write to it at any moment: copy a value out once, check
// the copy, use the copy. Does not own the memory.
class GuestMemory {
 public:
  struct Region {
    uint64_t start;              // guest-physical address of the first byte
    std::span<std::byte> bytes;  // where it is mapped here
  };

  GuestMemory() = default;
  explicit GuestMemory(Region low, Region high = {}) : regions_{low, high} {}

  // The bytes [address, address + length), or nothing if any of them is not RAM. A range never
  // spans two regions. An empty range is valid only inside RAM.
  std::optional<std::span<std::byte>> Slice(GuestPhysical address, uint64_t length) const {
    for (const Region& region : regions_) {
      const uint64_t offset = Raw(address) - region.start;
      if (Raw(address) >= region.start && offset < region.bytes.size() &&
          length <= region.bytes.size() - offset) {
        return region.bytes.subspan(offset, length);
      }
    }
    return std::nullopt;
  }

  // Copies a value out of guest memory; nothing if it is not all RAM.
  template <typename T>
  std::optional<T> Read(GuestPhysical address) const {
    const auto bytes = Slice(address, sizeof(T));
    if (!bytes) return std::nullopt;
    T value;
    std::memcpy(&value, bytes->data(), sizeof(T));
    return value;
  }

  template <typename T>
  bool Write(GuestPhysical address, const T& value) const {
    const auto bytes = Slice(address, sizeof(T));
    if (!bytes) return false;
    std::memcpy(bytes->data(), &value, sizeof(T));
    return true;
  }

  uint64_t size() const { return regions_[0].bytes.size() + regions_[1].bytes.size(); }
  const Region& low() const { return regions_[0]; }
  const Region& high() const { return regions_[1]; }

 private:
  std::array<Region, 2> regions_;
};

}  // namespace bulkhead

#endif  // BULKHEAD_VIRTIO_GUEST_MEMORY_H_
