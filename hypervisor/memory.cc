// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "hypervisor/memory.h"

#include "arch/paging.h"
#include "hypervisor/process.h"

namespace bulkhead {

// What one entry at `level` covers: 0: a page, 1: a table of pages, and so on.
uint64_t Memory::Span(int level) { return kPageSize << (9 * level); }

int Memory::LevelsFor(uint64_t size) {
  int level = 0;
  while (Span(level) < size) ++level;
  return level;
}

Result<Memory::Piece> Memory::Populate(uint64_t offset, PageAllocator& pages) {
  if (fixed_) return Piece{physical_ + offset, false};
  uint64_t* entry = &root_;
  for (int level = LevelsFor(size_);; --level) {
    const uint64_t start = AlignDown(offset, Span(level));
    const bool room_for_super = level == 1 && size_ - start >= kSuperpageSize;
    if (*entry == 0 && room_for_super) {
      const Result<HostPhysical> superpage = pages.AllocateSuperpage();
      if (superpage.ok()) {
        arch::ClearPages(*superpage, kSuperpageSize);
        *entry = Raw(*superpage) | kSuper;
      }
    }
    if (*entry == 0) {
      // A page of the memory itself has been charged already; a table is charged here.
      const Result<HostPhysical> page =
          level == 0 ? pages.AllocatePage() : owner()->arena.AllocatePage();
      if (!page.ok()) return page.status();
      if (level == 0) arch::ClearPages(*page, kPageSize);
      *entry = Raw(*page);
    }
    if ((*entry & kSuper) != 0) {
      const auto base = static_cast<HostPhysical>(*entry & ~kSuper);
      return Piece{base + offset % kSuperpageSize, true};
    }
    if (level == 0) return Piece{static_cast<HostPhysical>(*entry), false};
    auto* table = arch::ToPointer<uint64_t>(static_cast<HostPhysical>(*entry));
    entry = table + offset / Span(level - 1) % kEntries;
  }
}

bool Memory::FreeOne(PageAllocator& pages) {
  if (fixed_) return false;
  uint64_t* entry = &root_;
  int level = LevelsFor(size_);
  while (*entry != 0) {
    uint64_t* below = nullptr;
    if (level > 0 && (*entry & kSuper) == 0) {
      auto* table = arch::ToPointer<uint64_t>(static_cast<HostPhysical>(*entry));
      for (uint64_t i = 0; i < kEntries && below == nullptr; ++i) {
        if (table[i] != 0) below = table + i;
      }
    }
    if (below != nullptr) {
      entry = below;
      --level;
      continue;
    }
    const auto physical = static_cast<HostPhysical>(*entry & ~kSuper);
    if ((*entry & kSuper) != 0) {
      pages.FreeSuperpage(physical);
    } else if (level == 0) {
      pages.FreePage(physical);
    } else {
      owner()->arena.FreePage(physical);
    }
    *entry = 0;
    return true;
  }
  return false;
}

}  // namespace bulkhead
