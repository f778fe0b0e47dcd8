// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_HYPERVISOR_CHANNEL_H_
#define BULKHEAD_HYPERVISOR_CHANNEL_H_

#include <cstdint>

#include "hypervisor/object.h"
#include "hypervisor/thread.h"

namespace bulkhead {

// Calls with three words each way. Its owner answers them.
class Channel : public Object {
 public:
  static constexpr ObjectKind kKind = ObjectKind::kChannel;

  explicit Channel(Process* owner) : Object(kKind, owner) {}

  ThreadQueue callers;    // not yet received
  ThreadQueue receivers;  // waiting for a call
  ThreadQueue answering;  // the one call that was received and not replied to

  // The owner's list of its channels, whether or not it still has a handle to them.
  Channel* previous_owned = nullptr;
  Channel* next_owned = nullptr;
};

}  // namespace bulkhead

#endif  // BULKHEAD_HYPERVISOR_CHANNEL_H_
