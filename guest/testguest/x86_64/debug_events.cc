// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "guest/testguest/x86_64/debug_events.h"

#include <algorithm>

#include "guest/testguest/tap.h"

namespace bulkhead::testguest {
namespace {

bool breakpoints_allowed = true;

int seen;
DebugEvents::Event seen_events[DebugEvents::kMost];

void ClearBreakpoints() {
  WriteDr7(kDebugAlwaysSet);
  WriteDr6(0);
}

void Record(Frame& frame) {
  const uint64_t dr6 = ReadDr6();
  if (seen < DebugEvents::kMost) seen_events[seen] = {frame.rip, dr6, frame.rflags};
  ++seen;
  if (seen >= DebugEvents::kSteps) frame.rflags &= ~kFlagTrap;
  // Without it, a breakpoint on execution would hit the same instruction again.
  frame.rflags |= kFlagResume;
  if (seen >= DebugEvents::kMost) WriteDr7(kDebugAlwaysSet);
  // The processor sets its bits and never clears any.
  WriteDr6(0);
}

}  // namespace

void ReadBreakpointOption(std::string_view command_line) {
  breakpoints_allowed = command_line.find("testguest.breakpoints=off") == std::string_view::npos;
}
bool BreakpointsAllowed() { return breakpoints_allowed; }

DebugEvents::DebugEvents() : handler_(kDebugVector, Record) {
  ClearBreakpoints();
  seen = 0;
}
DebugEvents::~DebugEvents() { ClearBreakpoints(); }

int DebugEvents::count() const { return *static_cast<volatile int*>(&seen); }

DebugEvents::Event DebugEvents::event(int index) const {
  return index < count() && index < kMost ? seen_events[index] : Event{};
}

void PrintDebugEvents(const DebugEvents& events, uint64_t wanted) {
  Line line;
  line << "# want #DB at " << Hex{wanted} << "; got";
  for (int i = 0; i < std::min(events.count(), DebugEvents::kMost); ++i) {
    line << ' ' << Hex{events.event(i).rip} << " (DR6 " << Hex{events.event(i).dr6} << ')';
  }
  line << "\n";
  Print(line.view());
}

}  // namespace bulkhead::testguest
