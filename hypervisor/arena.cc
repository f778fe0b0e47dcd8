// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "hypervisor/arena.h"

#include <bit>
#include <cstring>

#include "arch/paging.h"

namespace bulkhead {

int Arena::ClassOf(size_t size) {
  int size_class = 0;
  while (size_class < kClasses - 1 && SizeOf(size_class) < size) ++size_class;
  return size_class;
}

size_t Arena::SizeOf(int size_class) {
  return size_class == kClasses - 1 ? kLargest : kSmallest << size_class;
}

uint64_t Arena::SlotsOf(int size_class) { return kLargest / SizeOf(size_class); }

void Arena::Link(Slab* slab) {
  Slab*& head = with_room_[slab->size_class];
  slab->previous = nullptr;
  slab->next = head;
  if (head != nullptr) head->previous = slab;
  head = slab;
}

void Arena::Unlink(Slab* slab) {
  if (slab->previous != nullptr) {
    slab->previous->next = slab->next;
  } else {
    with_room_[slab->size_class] = slab->next;
  }
  if (slab->next != nullptr) slab->next->previous = slab->previous;
}

Result<void*> Arena::Allocate(size_t size) {
  if (size > kLargest) return Status::kInvalidArgument;
  const int size_class = ClassOf(size);
  Slab* slab = with_room_[size_class];
  if (slab == nullptr) {
    const Result<HostPhysical> page = AllocatePage();
    if (!page.ok()) return page.status();
    slab = arch::ToPointer<Slab>(*page);
    slab->size_class = static_cast<uint32_t>(size_class);
    arch::MarkFree(slab + 1, kLargest);
    Link(slab);
  }
  const int slot = std::countr_one(slab->used_bits);
  slab->used_bits |= uint64_t{1} << slot;
  if (++slab->used_count == SlotsOf(size_class)) Unlink(slab);
  void* piece = reinterpret_cast<std::byte*>(slab + 1) + slot * SizeOf(size_class);
  arch::MarkUsed(piece, SizeOf(size_class));
  std::memset(piece, 0, SizeOf(size_class));
  return piece;
}

void Arena::Free(void* piece) {
  const auto address = reinterpret_cast<uintptr_t>(piece);
  auto* slab = reinterpret_cast<Slab*>(AlignDown(address, kPageSize));
  const int size_class = static_cast<int>(slab->size_class);
  const uint64_t slot = (address % kPageSize - sizeof(Slab)) / SizeOf(size_class);
  slab->used_bits &= ~(uint64_t{1} << slot);
  arch::MarkFree(piece, SizeOf(size_class));
  if (slab->used_count-- == SlotsOf(size_class)) Link(slab);
  if (slab->used_count == 0) {
    Unlink(slab);
    FreePage(arch::ToPhysical(slab));
  }
}

Result<HostPhysical> Arena::AllocatePage() {
  BULKHEAD_RETURN_IF_ERROR(quota_.Charge(1));
  const Result<HostPhysical> page = pages_.AllocatePage();
  if (!page.ok()) {
    quota_.Refund(1);
    return page.status();
  }
  std::memset(arch::ToPointer(*page), 0, kPageSize);
  return *page;
}

void Arena::FreePage(HostPhysical page) {
  pages_.FreePage(page);
  quota_.Refund(1);
}

}  // namespace bulkhead
