// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_HYPERVISOR_EVENT_H_
#define BULKHEAD_HYPERVISOR_EVENT_H_

#include <cstdint>

#include "hypervisor/object.h"
#include "hypervisor/thread.h"

namespace bulkhead {

// 64 bits that stay set until somebody has waited for them.
class Event : public Object {
 public:
  static constexpr ObjectKind kKind = ObjectKind::kEvent;

  explicit Event(Process* owner) : Object(kKind, owner) {}

  uint64_t bits = 0;
  ThreadQueue waiters;
};

}  // namespace bulkhead

#endif  // BULKHEAD_HYPERVISOR_EVENT_H_
