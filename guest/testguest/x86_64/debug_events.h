// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_GUEST_TESTGUEST_X86_64_DEBUG_EVENTS_H_
#define BULKHEAD_GUEST_TESTGUEST_X86_64_DEBUG_EVENTS_H_

// #DB, written down as it comes (AMD APM 2, 13.1; Intel SDM 3B, 18.2).

#include <cstdint>
#include <string_view>

#include "guest/testguest/x86_64/cpu.h"
#include "guest/testguest/x86_64/features.h"
#include "guest/testguest/x86_64/interrupts.h"

namespace bulkhead::testguest {

// DR6.
inline constexpr uint64_t kDebugHits = 0xf;  // bit n: breakpoint n
inline constexpr uint64_t kDebugAccess = 1 << 13;
inline constexpr uint64_t kDebugStep = 1 << 14;

// DR7.
inline constexpr uint64_t kDebugAlwaysSet = 1 << 10;
inline constexpr uint64_t kDebugDetect = 1 << 13;
enum class Watch : uint64_t { kExecute = 0, kWrite4 = 0b1101, kAccess4 = 0b1111 };
constexpr uint64_t Enable(int breakpoint, Watch watch) {
  return uint64_t{1} << (breakpoint * 2) | static_cast<uint64_t>(watch) << (16 + breakpoint * 4);
}

// Whether checks may use breakpoints: not with testguest.breakpoints=off on the command line.
// QEMU's emulator goes down when guests with breakpoints share a processor with others (it keeps
// them in lists of its own, which VMRUN and #VMEXIT do not change).
void ReadBreakpointOption(std::string_view command_line);
bool BreakpointsAllowed();
inline constexpr std::string_view kNoBreakpoints = "breakpoints are off";

// From its construction to its end, #DB is recorded and the program goes on: past breakpoints on
// execution, and with at most kSteps single steps. Breakpoints are off at the end.
class DebugEvents {
 public:
  static constexpr int kMost = 8;
  static constexpr int kSteps = 4;
  struct Event {
    uint64_t rip, dr6, rflags;
  };

  DebugEvents();
  ~DebugEvents();
  DebugEvents(const DebugEvents&) = delete;
  DebugEvents& operator=(const DebugEvents&) = delete;

  int count() const;
  // What came as number `index`; zeros: nothing.
  Event event(int index) const;

 private:
  ScopedHandler handler_;
};

// Prints what came, for a check that failed.
void PrintDebugEvents(const DebugEvents& events, uint64_t wanted);

}  // namespace bulkhead::testguest

#endif  // BULKHEAD_GUEST_TESTGUEST_X86_64_DEBUG_EVENTS_H_
