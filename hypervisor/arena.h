// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_HYPERVISOR_ARENA_H_
#define BULKHEAD_HYPERVISOR_ARENA_H_

// Kernel objects of one process: small pieces of pages that are charged to it. Objects of different
// processes never share a page, so nobody can hold another's memory by fragmenting it.

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/align.h"
#include "base/status.h"
#include "hypervisor/page_allocator.h"
#include "hypervisor/quota.h"

namespace bulkhead {

class Arena {
 public:
  static constexpr size_t kLargest = kPageSize - 64;

  Arena(PageAllocator& pages, Quota& quota) : pages_(pages), quota_(quota) {}
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  // `size` zeroed bytes, at most kLargest, 64-byte aligned.
  Result<void*> Allocate(size_t size);
  // Returns what Allocate gave.
  void Free(void* piece);

  // A whole page, zeroed and charged: for tables.
  Result<HostPhysical> AllocatePage();
  void FreePage(HostPhysical page);

 private:
  static constexpr size_t kSmallest = 64;
  static constexpr int kClasses = 6;  // 64 to 1024 bytes, and the whole page

  // At the start of every page.
  struct alignas(64) Slab {
    Slab* previous;
    Slab* next;
    uint64_t used_bits;
    uint32_t size_class;
    uint32_t used_count;
  };
  static_assert(sizeof(Slab) == 64);

  static int ClassOf(size_t size);
  static size_t SizeOf(int size_class);
  static uint64_t SlotsOf(int size_class);
  void Link(Slab* slab);
  void Unlink(Slab* slab);

  PageAllocator& pages_;
  Quota& quota_;
  std::array<Slab*, kClasses> with_room_ = {};
};

}  // namespace bulkhead

#endif  // BULKHEAD_HYPERVISOR_ARENA_H_
