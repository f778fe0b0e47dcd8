// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_HYPERVISOR_REAPER_H_
#define BULKHEAD_HYPERVISOR_REAPER_H_

// Takes apart what nobody needs any more, a bounded step at a time, between other work.

#include "hypervisor/object.h"

namespace bulkhead {

class Channel;
class Process;
struct Node;

class Reaper {
 public:
  // An object without references.
  void AddDead(Object& object) { Push(dead_, object); }
  // A process that ended; it is still referred to.
  void AddEnded(Process& process);

  bool idle() const { return dead_ == nullptr && ended_ == nullptr; }
  // One bounded step.
  void Step(Node& node);

 private:
  static void Push(Object*& list, Object& object);
  // False: nothing is left of it but its own memory.
  static bool TakeApart(Node& node, Object& object);
  static bool Empty(Node& node, Process& process);
  static void Disown(Channel& channel);
  static void Free(Node& node, Object& object);

  Object* dead_ = nullptr;
  Process* ended_ = nullptr;
};

}  // namespace bulkhead

#endif  // BULKHEAD_HYPERVISOR_REAPER_H_
