// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "control/command_line.h"

#include <gtest/gtest.h>

namespace bulkhead {
namespace {

TEST(CommandLineTest, FindsWordsByName) {
  const CommandLine line("  trace channel=com2 x=a=b empty= channel=other");
  EXPECT_EQ(line.Find("trace"), "");
  EXPECT_EQ(line.Find("channel"), "com2");
  EXPECT_EQ(line.Find("x"), "a=b");
  EXPECT_EQ(line.Find("empty"), "");
  for (const char* absent : {"", "com2", "tra", "traces", "chan", "a"}) {
    EXPECT_EQ(line.Find(absent), std::nullopt) << absent;
  }
  for (const char* text : {"", " ", "=", "=x", "   = "}) {
    EXPECT_EQ(CommandLine(text).Find("x"), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace bulkhead
