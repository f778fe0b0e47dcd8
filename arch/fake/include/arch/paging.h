// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_ARCH_FAKE_INCLUDE_ARCH_PAGING_H_
#define BULKHEAD_ARCH_FAKE_INCLUDE_ARCH_PAGING_H_

// Page-table formats that no processor has, and a direct map in the test's own memory. The two
// formats differ from each other and from x86_64 in every bit and in depth, to catch assumptions.

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "arch/page_table.h"
#include "base/address.h"

namespace bulkhead::arch {

namespace fake {
// Where physical address zero would be in the direct map; only the machine's RAM is really there.
extern uintptr_t direct_map;
}  // namespace fake

template <typename T = void>
T* ToPointer(HostPhysical physical) {
  return reinterpret_cast<T*>(fake::direct_map + Raw(physical));
}

inline HostPhysical ToPhysical(const void* pointer) {
  return static_cast<HostPhysical>(reinterpret_cast<uintptr_t>(pointer) - fake::direct_map);
}

// Memory that is free must not be touched: filled with nonsense and, under AddressSanitizer,
// watched.
void MarkFree(void* memory, size_t size);
void MarkUsed(void* memory, size_t size);

// Zeroes whole pages that somebody is to be given.
inline void ClearPages(HostPhysical start, uint64_t bytes) {
  std::memset(ToPointer(start), 0, bytes);
}
// What was written to these pages is to be executed in user mode: caches see to it. Ends the test
// if they are not in the direct map.
void SynchronizeCode(HostPhysical start, uint64_t bytes);

struct HostFormat {
  using Entry = uint64_t;
  static constexpr int kLevels = 4;
  static constexpr uint64_t kTop = 256;

  static constexpr Entry kPresent = Entry{1} << 63;
  static constexpr Entry kLeaf = Entry{1} << 62;
  static constexpr Entry kWrite = Entry{1} << 61;
  static constexpr Entry kExecute = Entry{1} << 60;
  static constexpr Entry kUser = Entry{1} << 59;
  static constexpr Entry kDevice = Entry{1} << 58;
  static constexpr Entry kPageMask = (Entry{1} << 40) - 1;

  static constexpr Entry Leaf(HostPhysical physical, int, PageAttributes attributes) {
    return kPresent | kLeaf | Raw(physical) >> kPageShift | (attributes.write ? kWrite : 0) |
           (attributes.execute ? kExecute : 0) | (attributes.user ? kUser : 0) |
           (attributes.device ? kDevice : 0);
  }
  static constexpr Entry Table(HostPhysical physical) {
    return kPresent | Raw(physical) >> kPageShift;
  }
  static constexpr bool Present(Entry entry) { return (entry & kPresent) != 0; }
  static constexpr bool IsLeaf(Entry entry, int) { return (entry & kLeaf) != 0; }
  static constexpr HostPhysical Address(Entry entry) {
    return static_cast<HostPhysical>((entry & kPageMask) << kPageShift);
  }
  static constexpr PageAttributes Attributes(Entry entry) {
    return {.write = (entry & kWrite) != 0,
            .execute = (entry & kExecute) != 0,
            .user = (entry & kUser) != 0,
            .device = (entry & kDevice) != 0};
  }
};

struct GuestFormat {
  // A type of its own: an entry of the other format does not compile.
  enum class Entry : uint64_t {};
  static constexpr int kLevels = 5;
  static constexpr uint64_t kTop = 512;
  enum : uint64_t {
    kPresent = 1 << 5,
    kTable = 1 << 4,
    kNoExecute = 1 << 3,
    kDevice = 1 << 2,
    kWrite = 1 << 1,
  };
  static constexpr unsigned kPageShiftInEntry = 20;

  static constexpr Entry Make(HostPhysical physical, uint64_t flags) {
    return static_cast<Entry>(Raw(physical) >> kPageShift << kPageShiftInEntry | flags);
  }
  static constexpr bool Has(Entry entry, uint64_t flag) {
    return (static_cast<uint64_t>(entry) & flag) != 0;
  }

  static constexpr Entry Leaf(HostPhysical physical, int, PageAttributes attributes) {
    return Make(physical, kPresent | (attributes.write ? kWrite : 0) |
                              (attributes.execute ? 0 : kNoExecute) |
                              (attributes.device ? kDevice : 0));
  }
  static constexpr Entry Table(HostPhysical physical) { return Make(physical, kPresent | kTable); }
  static constexpr bool Present(Entry entry) { return Has(entry, kPresent); }
  static constexpr bool IsLeaf(Entry entry, int) { return !Has(entry, kTable); }
  static constexpr HostPhysical Address(Entry entry) {
    return static_cast<HostPhysical>(static_cast<uint64_t>(entry) >> kPageShiftInEntry
                                                                         << kPageShift);
  }
  static constexpr PageAttributes Attributes(Entry entry) {
    return {.write = Has(entry, kWrite),
            .execute = !Has(entry, kNoExecute),
            .user = true,
            .device = Has(entry, kDevice)};
  }
};

}  // namespace bulkhead::arch

#endif  // BULKHEAD_ARCH_FAKE_INCLUDE_ARCH_PAGING_H_
