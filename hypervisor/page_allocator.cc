// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "hypervisor/page_allocator.h"

#include <algorithm>
#include <bit>

#include "arch/paging.h"
#include "base/align.h"

namespace bulkhead {
namespace {

constexpr uint64_t kBlockShift = 21;

}  // namespace

void PageAllocator::List::Push(Block* block) {
  block->previous = nullptr;
  block->next = head;
  if (head != nullptr) head->previous = block;
  head = block;
}

void PageAllocator::List::Remove(Block* block) {
  if (block->previous != nullptr) {
    block->previous->next = block->next;
  } else {
    head = block->next;
  }
  if (block->next != nullptr) block->next->previous = block->previous;
}

uint64_t PageAllocator::BlocksFor(std::span<const MemoryRegion> regions) {
  uint64_t first = ~uint64_t{0};
  uint64_t last = 0;
  for (const MemoryRegion& region : regions) {
    if (region.kind != MemoryKind::kUsable) continue;
    first = std::min(first, region.start >> kBlockShift);
    last = std::max(last, (region.start + region.length - 1) >> kBlockShift);
  }
  return first > last ? 0 : last - first + 1;
}

void PageAllocator::Initialize(std::span<const MemoryRegion> regions, std::span<Block> blocks) {
  blocks_ = blocks;
  regions_ = regions;
  first_block_ = ~uint64_t{0};
  for (const MemoryRegion& region : regions) {
    if (region.kind == MemoryKind::kUsable) {
      first_block_ = std::min(first_block_, region.start >> kBlockShift);
    }
  }
  for (const MemoryRegion& region : regions) {
    if (region.kind != MemoryKind::kUsable) continue;
    for (uint64_t offset = 0; offset < region.length; offset += kPageSize) {
      Release((region.start + offset) >> kPageShift);
    }
    total_ += region.length >> kPageShift;
  }
}

HostPhysical PageAllocator::Address(const Block* block) const {
  const auto index = static_cast<uint64_t>(block - blocks_.data());
  return static_cast<HostPhysical>((first_block_ + index) << kBlockShift);
}

void PageAllocator::Release(uint64_t page_number) {
  Block& block = blocks_[(page_number >> (kBlockShift - kPageShift)) - first_block_];
  const uint64_t index = page_number % kPagesPerBlock;
  block.free_bits[index / 64] |= uint64_t{1} << (index % 64);
  ++free_;
  arch::MarkFree(arch::ToPointer(static_cast<HostPhysical>(page_number << kPageShift)), kPageSize);
  ++block.free_count;
  if (block.free_count == kPagesPerBlock) {
    partial_.Remove(&block);
    whole_.Push(&block);
  } else if (block.free_count == 1) {
    partial_.Push(&block);
  }
}

Result<HostPhysical> PageAllocator::AllocatePage() {
  Block* block = partial_.head;
  if (block == nullptr) {
    block = whole_.head;
    if (block == nullptr) return Status::kNoMemory;
    whole_.Remove(block);
    partial_.Push(block);
  }
  uint64_t word = 0;
  while (block->free_bits[word] == 0) ++word;
  const auto bit = static_cast<uint64_t>(std::countr_zero(block->free_bits[word]));
  block->free_bits[word] &= block->free_bits[word] - 1;
  --free_;
  if (--block->free_count == 0) partial_.Remove(block);
  const HostPhysical page = Address(block) + ((word * 64 + bit) << kPageShift);
  arch::MarkUsed(arch::ToPointer(page), kPageSize);
  return page;
}

Result<HostPhysical> PageAllocator::AllocateSuperpage() {
  Block* block = whole_.head;
  if (block == nullptr) return Status::kNoMemory;
  whole_.Remove(block);
  block->free_bits.fill(0);
  block->free_count = 0;
  free_ -= kPagesPerBlock;
  arch::MarkUsed(arch::ToPointer(Address(block)), kSuperpageSize);
  return Address(block);
}

void PageAllocator::FreePage(HostPhysical page) { Release(Raw(page) >> kPageShift); }

void PageAllocator::FreeSuperpage(HostPhysical superpage) {
  Block& block = blocks_[(Raw(superpage) >> kBlockShift) - first_block_];
  block.free_bits.fill(~uint64_t{0});
  block.free_count = kPagesPerBlock;
  free_ += kPagesPerBlock;
  arch::MarkFree(arch::ToPointer(superpage), kSuperpageSize);
  whole_.Push(&block);
}

bool PageAllocator::Owns(uint64_t start, uint64_t length) const {
  return std::any_of(regions_.begin(), regions_.end(), [&](const MemoryRegion& region) {
    return region.kind == MemoryKind::kUsable && start < region.start + region.length &&
           region.start < start + length;
  });
}

}  // namespace bulkhead
