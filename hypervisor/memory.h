// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_HYPERVISOR_MEMORY_H_
#define BULKHEAD_HYPERVISOR_MEMORY_H_

// A piece of memory that can be mapped: RAM charged to a process, or given physical addresses.

#include <cstdint>

#include "base/address.h"
#include "base/align.h"
#include "base/status.h"
#include "hypervisor/object.h"
#include "hypervisor/page_allocator.h"

namespace bulkhead {

class Memory : public Object {
 public:
  static constexpr ObjectKind kKind = ObjectKind::kMemory;
  static constexpr uint64_t kMaxSize = uint64_t{1} << 39;  // bytes

  // Memory that is mapped with one page-table entry.
  struct Piece {
    HostPhysical physical = {};  // of the byte asked for, page-aligned
    bool superpage = false;      // lies in a superpage
  };

  // RAM of `size` bytes (page-aligned), already charged to the owner.
  Memory(Process* owner, uint64_t size) : Object(kKind, owner), size_(size) {}
  // The physical addresses from `physical` on.
  Memory(Process* owner, uint64_t size, HostPhysical physical, bool device)
      : Object(kKind, owner), size_(size), fixed_(true), device_(device), physical_(physical) {}

  uint64_t size() const { return size_; }  // bytes
  bool fixed() const { return fixed_; }
  bool device() const { return device_; }

  // The memory at `offset` (page-aligned, below size), found and zeroed if it is used for the first
  // time. Work: at most one superpage.
  // The owner pays for tables, whoever maps the memory.
  Result<Piece> Populate(uint64_t offset, PageAllocator& pages);

  // Gives back one page, superpage or table; false when nothing is left.
  bool FreeOne(PageAllocator& pages);

 private:
  // An entry is a physical address, with kSuper if it is a superpage. Three levels of tables of
  // 512 entries lead to it; a Memory no larger than what a lower level covers starts there.
  static constexpr uint64_t kEntries = 512;
  static constexpr uint64_t kSuper = 1;
  static int LevelsFor(uint64_t size);
  static uint64_t Span(int level);

  uint64_t size_;
  bool fixed_ = false;
  bool device_ = false;
  HostPhysical physical_ = {};
  uint64_t root_ = 0;
};

}  // namespace bulkhead

#endif  // BULKHEAD_HYPERVISOR_MEMORY_H_
