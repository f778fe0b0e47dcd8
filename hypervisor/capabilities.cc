// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "hypervisor/capabilities.h"

#include "arch/paging.h"
#include "base/align.h"

namespace bulkhead {

Result<uint64_t> CapabilityTable::Insert(const Capability& capability, Arena& arena) {
  for (uint64_t page = 0; page < kPages; ++page) {
    if (pages_[page] == nullptr) {
      const Result<HostPhysical> fresh = arena.AllocatePage();
      if (!fresh.ok()) return fresh.status();
      pages_[page] = arch::ToPointer<Capability>(*fresh);
    }
    for (uint64_t i = 0; i < kPerPage; ++i) {
      if (pages_[page][i].object == nullptr) {
        pages_[page][i] = capability;
        ++used_[page];
        return page * kPerPage + i;
      }
    }
  }
  return Status::kNoHandle;
}

Capability* CapabilityTable::Find(uint64_t handle) const {
  if (handle >= kCapacity) return nullptr;
  Capability* page = pages_[handle / kPerPage];
  if (page == nullptr || page[handle % kPerPage].object == nullptr) return nullptr;
  return page + handle % kPerPage;
}

Capability* CapabilityTable::Any() const {
  for (Capability* page : pages_) {
    for (uint64_t i = 0; page != nullptr && i < kPerPage; ++i) {
      if (page[i].object != nullptr) return page + i;
    }
  }
  return nullptr;
}

void CapabilityTable::Clear(Capability& capability, Arena& arena) {
  capability = {};
  // All of them are in pages of their own.
  auto* const first =
      reinterpret_cast<Capability*>(AlignDown(reinterpret_cast<uintptr_t>(&capability), kPageSize));
  uint64_t page = 0;
  while (pages_[page] != first) ++page;
  if (--used_[page] != 0) return;
  arena.FreePage(arch::ToPhysical(pages_[page]));
  pages_[page] = nullptr;
}

}  // namespace bulkhead
