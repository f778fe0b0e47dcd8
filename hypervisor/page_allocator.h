// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_HYPERVISOR_PAGE_ALLOCATOR_H_
#define BULKHEAD_HYPERVISOR_PAGE_ALLOCATOR_H_

// Physical memory in pages of 4 KiB and superpages of 2 MiB. Every operation takes bounded time;
// pages that become free next to each other are a superpage again at once.

#include <array>
#include <cstdint>
#include <span>

#include "base/address.h"
#include "base/status.h"
#include "boot/boot_info.h"

namespace bulkhead {

class PageAllocator {
 public:
  static constexpr uint64_t kPagesPerBlock = 512;

  // One aligned 2 MiB of address space. A set bit is a free page.
  struct Block {
    std::array<uint64_t, kPagesPerBlock / 64> free_bits;
    uint32_t free_count;
    uint32_t reserved;
    Block* previous;
    Block* next;
  };

  // How many Blocks Initialize needs for `regions`.
  static uint64_t BlocksFor(std::span<const MemoryRegion> regions);

  // Takes the usable regions (page-aligned, without overlap). `blocks` is BlocksFor(regions)
  // zeroed Blocks that stay the allocator's.
  void Initialize(std::span<const MemoryRegion> regions, std::span<Block> blocks);

  // kNoMemory when there is none. The content is whatever was there.
  Result<HostPhysical> AllocatePage();
  Result<HostPhysical> AllocateSuperpage();
  void FreePage(HostPhysical page);
  void FreeSuperpage(HostPhysical superpage);

  // Whether any byte of [start, start + length) is memory this allocator gives out.
  bool Owns(uint64_t start, uint64_t length) const;

  uint64_t total_pages() const { return total_; }
  uint64_t free_pages() const { return free_; }

 private:
  struct List {
    Block* head = nullptr;
    void Push(Block* block);
    void Remove(Block* block);
  };

  HostPhysical Address(const Block* block) const;
  void Release(uint64_t page_number);

  std::span<Block> blocks_;
  uint64_t first_block_ = 0;
  std::span<const MemoryRegion> regions_;
  List whole_;    // all pages free
  List partial_;  // some pages free
  uint64_t total_ = 0;
  uint64_t free_ = 0;
};

}  // namespace bulkhead

#endif  // BULKHEAD_HYPERVISOR_PAGE_ALLOCATOR_H_
