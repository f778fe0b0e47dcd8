// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// A node that is kept from running every few milliseconds, as on a busy machine, measures its
// counter as one that is left alone does. Only x86_64 has to measure it.

#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>

#include <chrono>
#include <cstdlib>
#include <string>

#include "tests/harness/node.h"
#include "tests/harness/qemu.h"

namespace bulkhead {
namespace {

constexpr std::chrono::seconds kDeadline(120);
constexpr char kCounter[] = ", counter ";

// Without a bundle a node ends soon after it has said what machine it found.
double CounterKhz(int run_ms, int stop_ms) {
  QemuMachine machine({.kernel = Facts(Architecture::kX86_64).files.boot_image});
  if (stop_ms != 0) {
    const auto until = std::chrono::steady_clock::now() + kDeadline;
    while (machine.serial().find("fatal") == std::string::npos &&
           std::chrono::steady_clock::now() < until) {
      poll(nullptr, 0, run_ms);
      kill(machine.pid(), SIGSTOP);
      poll(nullptr, 0, stop_ms);
      kill(machine.pid(), SIGCONT);
      machine.Poll();
    }
  }
  EXPECT_TRUE(machine.RunToEnd(kDeadline));
  const std::string serial = machine.serial();
  const size_t at = serial.find(kCounter);
  EXPECT_NE(at, std::string::npos) << serial;
  return at == std::string::npos ? 0 : std::atof(serial.c_str() + at + sizeof(kCounter) - 1);
}

TEST(BusyMachine, CounterIsMeasuredRight) {
  const double want = CounterKhz(0, 0);
  for (const int run_ms : {4, 7, 13}) {
    for (const int stop_ms : {20, 58, 75}) {
      EXPECT_NEAR(CounterKhz(run_ms, stop_ms), want, want / 100) << run_ms << " " << stop_ms;
    }
  }
}

}  // namespace
}  // namespace bulkhead
