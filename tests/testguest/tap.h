// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_TESTS_TESTGUEST_TAP_H_
#define BULKHEAD_TESTS_TESTGUEST_TAP_H_

// What the test guest prints of its checks.

#include <sstream>
#include <string>

#include "gtest/gtest.h"
#include "tests/harness/architecture.h"

namespace bulkhead {

// The least number of checks that a plan has.
inline int LeastChecks(Architecture architecture) {
  return architecture == Architecture::kX86_64 ? 425 : 122;
}

// For the checks of guests that share a node in QEMU (guest/testguest/x86_64/debug_events.h).
inline constexpr char kSharedNode[] = "testguest.breakpoints=off";

// A plan of enough checks, all of them there, in order, and all of them ok.
inline testing::AssertionResult TapPassed(int least, const std::string& tap) {
  std::istringstream lines(tap);
  std::string line;
  int count = 0;
  int planned = -1;
  std::string wrong;
  std::getline(lines, line);
  if (line != "TAP version 13") wrong += "\nfirst line: " + line;
  while (std::getline(lines, line)) {
    if (line.starts_with("1..")) {
      planned = std::stoi(line.substr(3));
    } else if (line.starts_with("ok " + std::to_string(count + 1) + " - ")) {
      ++count;
    } else {
      if (line.starts_with("not ok ")) ++count;
      wrong += "\n" + line;
    }
  }
  if (wrong.empty() && planned == count && count >= least) return testing::AssertionSuccess();
  return testing::AssertionFailure() << planned << " planned, " << count << " seen, at least "
                                     << least << " wanted; wrong:" << wrong << "\n---\n"
                                     << tap;
}

}  // namespace bulkhead

#endif  // BULKHEAD_TESTS_TESTGUEST_TAP_H_
