// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "boot/handover.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <string>

namespace bulkhead {
namespace {

TEST(Handover, StartsClean) {
  BootInfo info;
  std::memset(&info, 0xa5, sizeof(info));
  StartBootInfo(0x200000, 0x1234, info);
  EXPECT_EQ(info.magic, kBootInfoMagic);
  EXPECT_EQ(info.version, kBootInfoVersion);
  EXPECT_EQ(info.size, sizeof(BootInfo));
  EXPECT_EQ(info.image_physical, 0x200000u);
  EXPECT_EQ(info.image_length, 0x1234u);
  EXPECT_EQ(info.gic.distributor, 0u);
  EXPECT_EQ(info.command_line[0], '\0');
}

TEST(Handover, RefusesBundlesThatCannotBe) {
  BootInfo info = {};
  EXPECT_EQ(SetBundle(0x1000, 5, info), nullptr);
  EXPECT_EQ(info.bundle_physical, 0x1000u);
  EXPECT_EQ(info.bundle_length, 5u);
  EXPECT_STREQ(SetBundle(0x1004, 5, info), "the bundle is not page-aligned");
  EXPECT_STREQ(SetBundle(0x1000, UINT64_MAX, info), "the bundle lies outside physical memory");
}

TEST(Handover, RefusesLongCommandLines) {
  BootInfo info = {};
  EXPECT_EQ(SetCommandLine(std::string(1023, 'x'), info), nullptr);
  EXPECT_EQ(info.command_line[1023], '\0');
  EXPECT_STREQ(SetCommandLine(std::string(1024, 'x'), info), "the command line is too long");
  EXPECT_EQ(SetCommandLine("a", info), nullptr);
  EXPECT_STREQ(info.command_line, "a");
}

TEST(Handover, CountsTheClockBack) {
  constexpr uint64_t kSecond = 1'000'000'000;
  EXPECT_EQ(WallClockAtCounterZero(1000 * kSecond, 0, 62'500'000), 1000 * kSecond);
  EXPECT_EQ(WallClockAtCounterZero(1000 * kSecond, 62'500'000 * 3 / 2, 62'500'000),
            998 * kSecond + kSecond / 2);
  EXPECT_EQ(
      WallClockAtCounterZero(1700000000 * kSecond, 1'000'000'000 * uint64_t{86400}, 1'000'000'000),
      1699913600 * kSecond);
  EXPECT_EQ(WallClockAtCounterZero(kSecond, 2000, 1000), 0u);
  EXPECT_EQ(WallClockAtCounterZero(kSecond, 2000, 0), 0u);
  EXPECT_EQ(WallClockAtCounterZero(UINT64_MAX, UINT64_MAX, 1), 0u);
  EXPECT_EQ(WallClockAtCounterZero(UINT64_MAX, UINT64_MAX, UINT64_MAX), 0u);
}

}  // namespace
}  // namespace bulkhead
