// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_CONTROL_NODE_LINK_H_
#define BULKHEAD_CONTROL_NODE_LINK_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/status.h"

namespace bulkhead {

// What carries the node channel's bytes, in order. Never waits.
class NodeLink {
 public:
  // Hands bytes over; returns how many the link took.
  virtual size_t Send(std::span<const std::byte> bytes) = 0;
  // Takes bytes that arrived; returns how many there were, at most out.size().
  virtual size_t Receive(std::span<std::byte> out) = 0;
  // Not kOk once bytes may be missing: what comes after them means nothing.
  virtual Status status() const { return Status::kOk; }
  // Whether all that it took has left the machine.
  virtual bool Drained() { return true; }
  // After how many microseconds to look at it again when nothing has told that it wants that; 0: it
  // always tells.
  virtual uint32_t PollInterval() const { return 0; }

 protected:
  ~NodeLink() = default;
};

}  // namespace bulkhead

#endif  // BULKHEAD_CONTROL_NODE_LINK_H_
