// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_HYPERVISOR_OBJECT_H_
#define BULKHEAD_HYPERVISOR_OBJECT_H_

// What all kernel objects have in common.

#include <cstdint>

namespace bulkhead {

class Process;

enum class ObjectKind : uint8_t {
  kProcess,
  kThread,
  kMemory,
  kVirtualMachine,
  kVcpu,
  kEvent,
  kChannel,
};

// Lives as long as anything refers to it: a capability, a mapping, a waiting thread. Its memory is
// charged to the process that made it, which it refers to in turn. When the last reference goes,
// the object is queued and taken apart later in bounded steps (reaper.h).
class Object {
 public:
  Object(ObjectKind kind, Process* owner) : kind_(kind), owner_(owner) {}
  Object(const Object&) = delete;
  Object& operator=(const Object&) = delete;

  ObjectKind kind() const { return kind_; }
  // Whose memory it is; null for the root task's process.
  Process* owner() const { return owner_; }

 private:
  friend void Retain(Object& object);
  friend bool DropReference(Object& object);
  friend class Reaper;

  ObjectKind kind_;
  uint32_t references_ = 1;
  Process* owner_;
  Object* next_dead_ = nullptr;
};

inline void Retain(Object& object) { ++object.references_; }
// True if that was the last one.
inline bool DropReference(Object& object) { return --object.references_ == 0; }

}  // namespace bulkhead

#endif  // BULKHEAD_HYPERVISOR_OBJECT_H_
