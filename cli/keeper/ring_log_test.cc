// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "cli/keeper/ring_log.h"

#include <gtest/gtest.h>

#include <string>

#include "cli/files.h"

namespace bulkhead {
namespace {

constexpr uint64_t kCapacity = 256 * 1024;  // bytes; the least there is

std::string Line(uint64_t i) { return "line " + std::to_string(i); }

TEST(RingLog, WhatWasWrittenInItsOrder) {
  RingLog log = *RingLog::Create(TemporaryRoot(), kCapacity);
  RingLog::Cursor cursor = log.Start({});
  uint64_t skipped = 0;
  EXPECT_FALSE(log.Read(&cursor, &skipped).has_value());
  log.Append({LogStream::kStdout, 0, "out"});
  log.Append({LogStream::kStderr, 3, std::string("\0\xff", 2)});
  EXPECT_EQ(log.Read(&cursor, &skipped)->text, "out");
  const LogRecord second = *log.Read(&cursor, &skipped);
  EXPECT_EQ(second.stream, LogStream::kStderr);
  EXPECT_EQ(second.source, 3);
  EXPECT_EQ(second.text, std::string("\0\xff", 2));
  EXPECT_FALSE(log.Read(&cursor, &skipped).has_value());
  EXPECT_EQ(skipped, 0u);
}

// Many times the room, with lines that lie across its end; whoever reads late is told what it
// missed, and gets all the rest whole.
TEST(RingLog, TheOldestMakeRoom) {
  RingLog log = *RingLog::Create(TemporaryRoot(), kCapacity);
  RingLog::Cursor cursor = log.Start({});
  constexpr uint64_t kLines = 200'000;
  for (uint64_t i = 0; i < kLines; ++i) log.Append({LogStream::kStdout, 0, Line(i)});
  uint64_t skipped = 0;
  uint64_t read = 0;
  while (const auto record = log.Read(&cursor, &skipped)) {
    ASSERT_EQ(record->text, Line(skipped + read));
    ++read;
  }
  EXPECT_EQ(skipped + read, kLines);
  EXPECT_GT(read * Line(kLines).size(), kCapacity / 3);
}

TEST(RingLog, TailBeginsAtItsLine) {
  RingLog log = *RingLog::Create(TemporaryRoot(), kCapacity);
  for (uint64_t i = 0; i < 100'000; ++i) log.Append({LogStream::kStdout, 0, Line(i)});
  uint64_t skipped = 0;
  RingLog::Cursor cursor = log.Start(3);
  EXPECT_EQ(log.Read(&cursor, &skipped)->text, Line(99'997));
  cursor = log.Start(0);
  EXPECT_FALSE(log.Read(&cursor, &skipped).has_value());
  cursor = log.Start(1'000'000);
  EXPECT_TRUE(log.Read(&cursor, &skipped).has_value());
}

TEST(RingLog, LongLinesAreCut) {
  RingLog log = *RingLog::Create(TemporaryRoot(), kCapacity);
  log.Append({LogStream::kStdout, 0, std::string(200'000, 'x')});
  log.Append({LogStream::kStdout, 0, "next"});
  RingLog::Cursor cursor = log.Start({});
  uint64_t skipped = 0;
  EXPECT_EQ(log.Read(&cursor, &skipped)->text.size(), RingLog::kMaxText);
  EXPECT_EQ(log.Read(&cursor, &skipped)->text, "next");
}

}  // namespace
}  // namespace bulkhead
