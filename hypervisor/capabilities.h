// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_HYPERVISOR_CAPABILITIES_H_
#define BULKHEAD_HYPERVISOR_CAPABILITIES_H_

// A process's capabilities: what its handles mean.

#include <array>
#include <cstdint>

#include "base/address.h"
#include "base/status.h"
#include "hypervisor/abi/types.h"
#include "hypervisor/arena.h"
#include "hypervisor/object.h"

namespace bulkhead {

struct Capability {
  Object* object = nullptr;  // null: free
  uint32_t rights = 0;       // mask of abi::Rights
  uint32_t reserved = 0;
  uint64_t badge = 0;
};

class CapabilityTable {
 public:
  static constexpr uint64_t kPerPage = kPageSize / sizeof(Capability);
  static constexpr uint64_t kPages = 8;
  static constexpr uint64_t kCapacity = kPerPage * kPages;

  // Takes the reference that the caller holds. kNoHandle: full.
  Result<uint64_t> Insert(const Capability& capability, Arena& arena);
  // Null: no such handle.
  Capability* Find(uint64_t handle) const;
  // Makes the slot free, and gives back a page without another; the reference is the caller's now.
  void Clear(Capability& capability, Arena& arena);

  // For taking a process apart: any capability left, null: none.
  Capability* Any() const;

 private:
  std::array<Capability*, kPages> pages_ = {};
  std::array<uint64_t, kPages> used_ = {};  // slots of each page
};

}  // namespace bulkhead

#endif  // BULKHEAD_HYPERVISOR_CAPABILITIES_H_
