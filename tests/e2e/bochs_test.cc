// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// `bulkhead run --machine bochs`. A stock kernel takes Bochs half a minute to boot: once.

#include <gtest/gtest.h>
#include <signal.h>

#include <string>
#include <vector>

#include "tests/e2e/cli_process.h"

namespace bulkhead {
namespace {

CliOptions InBochs(const std::vector<std::string>& more) {
  CliOptions options = {.arguments = {"run", "--machine", "bochs"}};
  options.arguments.insert(options.arguments.end(), more.begin(), more.end());
  return options;
}

TEST(RunInBochs, StreamsAndStatus) {
  std::string bytes;
  for (int i = 0; i < 50'000; ++i) bytes += static_cast<char>(i + i / 256);
  CliOptions options = InBochs({"example:hello", "sh", "-c", "echo err >&2; cat; exit 7"});
  options.input = bytes;
  CliProcess run(options);
  ASSERT_TRUE(run.RunToEnd());
  EXPECT_EQ(run.status(), 7);
  EXPECT_TRUE(run.out() == bytes) << run.out().size();
  EXPECT_EQ(run.err(), "err\n");
}

TEST(RunInBochs, AProcessorThatCannotRunGuestsIsRefused) {
  CliProcess run(InBochs({"--bochs-cpu", "core2_penryn_t9600", "example:hello"}));
  ASSERT_TRUE(run.RunToEnd());
  EXPECT_TRUE(IsOneLine(run, 125, {"cannot make a virtual machine"}));
}

TEST(RunInBochs, StopsWhileItBoots) {
  CliProcess run(InBochs({"--verbose", "example:hello"}));
  ASSERT_TRUE(run.RunUntil(
      [&] { return run.err().find("machine: Bochs connected") != std::string::npos; }));
  run.Signal(SIGTERM);
  ASSERT_TRUE(run.RunToEnd());
  EXPECT_EQ(run.status(), 128 + SIGTERM);
}

TEST(RunInBochs, WhatBochsRefusesIsSaid) {
  CliProcess run(InBochs({"--bochs-cpu", "vax", "example:hello"}));
  ASSERT_TRUE(run.RunToEnd());
  EXPECT_TRUE(IsOneLine(run, 125, {"Bochs failed: "}));
}

}  // namespace
}  // namespace bulkhead
