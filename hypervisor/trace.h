// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_HYPERVISOR_TRACE_H_
#define BULKHEAD_HYPERVISOR_TRACE_H_

// The last things a CPU did, for a crash report or on request.

#include <array>
#include <cstdint>

namespace bulkhead {

enum class TraceKind : uint32_t { kNone, kCall, kExit, kFault, kEnd };

class Trace {
 public:
  static constexpr uint64_t kEntries = 256;

  struct Entry {
    uint64_t time;  // counter ticks
    TraceKind kind;
    uint32_t code;  // number of the call, reason of the exit, vector of the fault
    uint64_t detail;
  };

  void Add(uint64_t time, TraceKind kind, uint32_t code, uint64_t detail) {
    entries_[next_++ % kEntries] = {time, kind, code, detail};
  }

  // Calls visit(entry) for each, the oldest first.
  template <typename Visit>
  void ForEach(Visit visit) const {
    for (uint64_t i = next_ > kEntries ? next_ - kEntries : 0; i < next_; ++i) {
      visit(entries_[i % kEntries]);
    }
  }

 private:
  uint64_t next_ = 0;
  std::array<Entry, kEntries> entries_ = {};
};

}  // namespace bulkhead

#endif  // BULKHEAD_HYPERVISOR_TRACE_H_
