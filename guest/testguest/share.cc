// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "guest/testguest/share.h"

#include "guest/testguest/machine.h"
#include "guest/testguest/tap.h"

namespace bulkhead::testguest {
namespace {

constexpr uint64_t kMillisecond = 1'000'000;  // ns
// Until all pods of the node have started.
constexpr uint64_t kWarmUp = 500 * kMillisecond;
constexpr uint64_t kStretch = 3000 * kMillisecond;
// What is longer from one look at the clock to the next than an exit or an interrupt, others had.
constexpr uint64_t kLongestOwn = kMillisecond / 10;

}  // namespace

void MeasureShare() {
  uint64_t last = ClockNow();
  const uint64_t begin = last + kWarmUp;
  const uint64_t end = begin + kStretch;
  uint64_t own = 0;
  while (last < end) {
    const uint64_t now = ClockNow();
    if (last >= begin && now - last < kLongestOwn) own += now - last;
    last = now;
  }
  Line line;
  line << "# share " << own * 1000 / kStretch << "\n";
  Print(line.view());
  for (;;) Relax();
}

}  // namespace bulkhead::testguest
