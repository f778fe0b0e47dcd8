// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_HYPERVISOR_PROCESS_H_
#define BULKHEAD_HYPERVISOR_PROCESS_H_

#include <cstdint>

#include "arch/paging.h"
#include "hypervisor/abi/types.h"
#include "hypervisor/address_space.h"
#include "hypervisor/arena.h"
#include "hypervisor/budget_group.h"
#include "hypervisor/capabilities.h"
#include "hypervisor/event.h"
#include "hypervisor/object.h"
#include "hypervisor/quota.h"

namespace bulkhead {

class Channel;
class Thread;

// An address space, a capability table, threads, and the quota that all its objects are charged to.
// The structure outlives the process itself until the last of those objects is gone.
class Process : public Object {
 public:
  static constexpr ObjectKind kKind = ObjectKind::kProcess;
  static constexpr uint32_t kMaxThreads = 128;

  Process(Process* owner, uint64_t quota_pages, PageAllocator& pages, uint64_t id)
      : Object(kKind, owner), id(id), quota(quota_pages), arena(pages, quota) {}

  uint64_t id;
  Quota quota;
  Arena arena;
  BudgetGroup* groups = nullptr;  // of its threads: one for each CPU where it may have some
  AddressSpace<arch::HostFormat> space;
  CapabilityTable capabilities;
  Thread* threads = nullptr;
  uint32_t thread_count = 0;
  uint32_t stopping = 0;        // threads that have ended and still run on another CPU
  Channel* channels = nullptr;  // that it owns; they are not kept alive

  abi::ProcessEnd end = abi::ProcessEnd::kRunning;
  uint64_t end_code = 0;
  uint64_t end_address = 0;
  Event* watcher = nullptr;  // kept alive
  uint64_t watcher_bits = 0;
};

}  // namespace bulkhead

#endif  // BULKHEAD_HYPERVISOR_PROCESS_H_
