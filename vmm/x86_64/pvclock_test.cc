// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "vmm/x86_64/pvclock.h"

#include <cmath>
#include <random>
#include <vector>

#include "gtest/gtest.h"

namespace bulkhead {
namespace {

// Relative error of the scale against the true frequency.
long double Error(uint64_t hz) {
  const TscScale scale = MakeTscScale(hz);
  EXPECT_GE(scale.multiplier, uint32_t{1} << 31) << hz;
  const long double ns = std::ldexp(static_cast<long double>(scale.multiplier), scale.shift - 32);
  return std::fabs(ns * hz / 1e9L - 1);
}

TEST(PvclockTest, ScaleIsExactToAPartInABillion) {
  for (uint64_t hz = 1; hz < 1'000'000; hz += 997) EXPECT_LT(Error(hz), 1e-9L) << hz;
  for (uint64_t hz = 1'000'000; hz < 8'000'000'000; hz += 9'999'991) {
    EXPECT_LT(Error(hz), 1e-9L) << hz;
  }
  std::mt19937_64 random(1);
  for (int i = 0; i < 100'000; ++i) {
    const uint64_t hz = 1 + random() % 10'000'000'000;
    EXPECT_LT(Error(hz), 1e-9L) << hz;
  }
  for (const uint64_t hz : {~0ull, 1ull << 63, (1ull << 63) + 1}) EXPECT_LT(Error(hz), 1e-9L) << hz;
}

TEST(PvclockTest, KnownScales) {
  EXPECT_EQ(MakeTscScale(1'000'000'000).multiplier, 0x80000000u);
  EXPECT_EQ(MakeTscScale(1'000'000'000).shift, 1);
  EXPECT_EQ(MakeTscScale(4'000'000'000).multiplier, 0x80000000u);
  EXPECT_EQ(MakeTscScale(4'000'000'000).shift, -1);
}

TEST(PvclockTest, Nanoseconds) {
  for (const uint64_t hz : {1'000'000ull, 999'999'937ull, 2'899'998'000ull, 5'000'000'000ull}) {
    const TscScale scale = MakeTscScale(hz);
    // An hour, to within a microsecond: 1e-9 of it is 3.6.
    EXPECT_NEAR(static_cast<double>(TicksToNanoseconds(scale, hz * 3600)), 3600e9, 3600.0) << hz;
    uint64_t last = 0;
    for (uint64_t ticks = 0; ticks < hz; ticks += hz / 1000) {
      const uint64_t now = TicksToNanoseconds(scale, ticks);
      EXPECT_GE(now, last);
      last = now;
    }
  }
}

class PvclockMemoryTest : public testing::Test {
 protected:
  std::vector<std::byte> bytes_ = std::vector<std::byte>(8192);
  GuestMemory memory_{{0, bytes_}};
};

TEST_F(PvclockMemoryTest, TimeInfo) {
  const Pvclock clock(2'000'000'000, 12345, 0);
  memory_.Write(GuestPhysical{64}, uint32_t{6});
  ASSERT_TRUE(clock.WriteTimeInfo(memory_, GuestPhysical{64}));
  auto info = *memory_.Read<PvclockVcpuTimeInfo>(GuestPhysical{64});
  EXPECT_EQ(info.version, 8u);
  EXPECT_EQ(info.tsc_timestamp, 12345u);
  EXPECT_EQ(info.system_time, 0u);
  EXPECT_EQ(info.tsc_to_system_mul, 0x80000000u);
  EXPECT_EQ(info.tsc_shift, 0);
  EXPECT_EQ(info.flags, kPvclockTscStable);
  memory_.Write(GuestPhysical{64}, uint32_t{0xffffffff});  // whatever the guest left there
  ASSERT_TRUE(clock.WriteTimeInfo(memory_, GuestPhysical{64}));
  EXPECT_EQ(memory_.Read<uint32_t>(GuestPhysical{64}), 0u);
}

TEST_F(PvclockMemoryTest, WallClock) {
  const Pvclock clock(1, 0, 1'700'000'000'123'456'789);
  ASSERT_TRUE(clock.WriteWallClock(memory_, GuestPhysical{4}));
  auto wall = *memory_.Read<PvclockWallClock>(GuestPhysical{4});
  EXPECT_EQ(wall.version, 2u);
  EXPECT_EQ(wall.seconds, 1'700'000'000u);
  EXPECT_EQ(wall.nanoseconds, 123'456'789u);
}

TEST_F(PvclockMemoryTest, BadAddresses) {
  const Pvclock clock(1'000'000'000, 0, 0);
  EXPECT_FALSE(clock.WriteTimeInfo(memory_, GuestPhysical{8192 - 28}));
  EXPECT_FALSE(clock.WriteTimeInfo(memory_, GuestPhysical{66}));
  EXPECT_FALSE(clock.WriteTimeInfo(memory_, GuestPhysical{~3ull}));
  EXPECT_FALSE(clock.WriteWallClock(memory_, GuestPhysical{8192 - 8}));
}

}  // namespace
}  // namespace bulkhead
