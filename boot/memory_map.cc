// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "boot/memory_map.h"

#include <algorithm>

#include "base/align.h"

namespace bulkhead {
namespace {

struct PageRange {
  uint64_t start;
  uint64_t end;  // exclusive
};

// The whole pages a range stands for: those it fills if usable, else those it touches.
PageRange PagesOf(const MemoryRegion& range) {
  const uint64_t start = std::min(range.start, kPhysicalLimit);
  const uint64_t end = start + std::min(range.length, kPhysicalLimit - start);
  if (range.kind == MemoryKind::kUsable) {
    return {std::max(AlignUp(start, kPageSize), kPageSize), AlignDown(end, kPageSize)};
  }
  return {AlignDown(start, kPageSize), AlignUp(end, kPageSize)};
}

uint64_t EndOf(const MemoryRegion& region) { return region.start + region.length; }

// A sorted list of regions without overlap, in memory that is lent to it.
class RegionList {
 public:
  explicit RegionList(std::span<MemoryRegion> storage) : storage_(storage) {}

  // Makes all of [start, end) be of this kind, whatever it was before.
  Status Paint(PageRange pages, MemoryKind kind) {
    // Widen over neighbours of the same kind, so that the list stays as short as it can be.
    for (const MemoryRegion& region : regions()) {
      if (region.kind == kind && region.start <= pages.end && EndOf(region) >= pages.start) {
        pages.start = std::min(pages.start, region.start);
        pages.end = std::max(pages.end, EndOf(region));
      }
    }
    BULKHEAD_RETURN_IF_ERROR(SplitAt(pages.start));
    BULKHEAD_RETURN_IF_ERROR(SplitAt(pages.end));
    uint32_t kept = 0;
    for (const MemoryRegion& region : regions()) {
      const bool covered = region.start >= pages.start && EndOf(region) <= pages.end;
      if (!covered) storage_[kept++] = region;
    }
    count_ = kept;
    return Insert({pages.start, pages.end - pages.start, kind, 0});
  }

  uint32_t count() const { return count_; }

 private:
  std::span<MemoryRegion> regions() const { return storage_.first(count_); }

  Status SplitAt(uint64_t address) {
    for (MemoryRegion& region : regions()) {
      if (region.start < address && address < EndOf(region)) {
        const MemoryRegion rest = {address, EndOf(region) - address, region.kind, 0};
        region.length = address - region.start;
        return Insert(rest);
      }
    }
    return Status::kOk;
  }

  Status Insert(const MemoryRegion& region) {
    if (count_ == storage_.size()) return Status::kNoMemory;
    uint32_t at = count_++;
    for (; at > 0 && storage_[at - 1].start > region.start; --at) storage_[at] = storage_[at - 1];
    storage_[at] = region;
    return Status::kOk;
  }

  std::span<MemoryRegion> storage_;
  uint32_t count_ = 0;
};

}  // namespace

Status NormalizeMemoryMap(std::span<const MemoryRegion> ranges, std::span<MemoryRegion> regions,
                          uint32_t& count) {
  RegionList list(regions);
  // Later kinds overwrite earlier ones.
  for (const MemoryKind kind :
       {MemoryKind::kUsable, MemoryKind::kAcpi, MemoryKind::kReserved, MemoryKind::kLoader}) {
    for (const MemoryRegion& range : ranges) {
      if (range.kind != kind || range.length == 0) continue;
      const PageRange pages = PagesOf(range);
      if (pages.start >= pages.end) continue;
      BULKHEAD_RETURN_IF_ERROR(list.Paint(pages, kind));
    }
  }
  count = list.count();
  return Status::kOk;
}

Status SetMemoryMap(std::span<const MemoryRegion> ranges, BootInfo& info) {
  info.region_count = 0;
  return NormalizeMemoryMap(ranges, info.regions, info.region_count);
}

}  // namespace bulkhead
