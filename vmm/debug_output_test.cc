// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "vmm/debug_output.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "gtest/gtest.h"

namespace bulkhead {
namespace {

// Takes at most `room` bytes more.
class DebugOutputTest : public testing::Test {
 protected:
  auto Writer() {
    return [this](std::span<const std::byte> bytes) {
      const size_t count = std::min(bytes.size(), room_);
      room_ -= count;
      if (count != 0) records_.emplace_back(reinterpret_cast<const char*>(bytes.data()), count);
      return count;
    };
  }
  void Print(std::string_view text) {
    for (const char c : text) output_.Put(static_cast<std::byte>(c), Writer());
  }

  DebugOutput output_;
  size_t room_ = 10000;
  std::vector<std::string> records_;
};

TEST_F(DebugOutputTest, LinesAreRecords) {
  Print("one\ntwo");
  EXPECT_EQ(records_, std::vector<std::string>({"one\n"}));
  output_.Flush(Writer());
  output_.Flush(Writer());
  EXPECT_EQ(records_, std::vector<std::string>({"one\n", "two"}));
}

TEST_F(DebugOutputTest, LongLinesAreCut) {
  Print(std::string(DebugOutput::kLineBytes + 1, 'x'));
  EXPECT_EQ(records_, std::vector<std::string>({std::string(DebugOutput::kLineBytes, 'x')}));
}

TEST_F(DebugOutputTest, AGuestThatAsksLosesNothing) {
  room_ = 5;
  Print("0123456\n");
  EXPECT_EQ(records_, std::vector<std::string>({"01234"}));
  size_t more = 0;
  while (output_.Ready(Writer())) {
    output_.Put(std::byte{'a'}, Writer());
    ++more;
  }
  EXPECT_EQ(more, DebugOutput::kLineBytes - 3);
  Print("lost");
  room_ = 10000;
  EXPECT_TRUE(output_.Ready(Writer()));
  EXPECT_EQ(records_.back(), "56\n" + std::string(more, 'a'));
}

}  // namespace
}  // namespace bulkhead
