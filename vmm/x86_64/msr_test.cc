// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "vmm/x86_64/msr.h"

#include <vector>

#include "gtest/gtest.h"

namespace bulkhead {
namespace {

class MsrTest : public testing::Test {
 protected:
  MsrTest()
      : memory_({0, bytes_}),
        clock_(2'000'000'000, 77, 1'000'000'000'000'000'005),
        amd_(clock_, true, true),
        intel_(clock_, false, false) {}

  bool Write(GuestMsrs& msrs, uint32_t index, uint64_t value) {
    return msrs.Write(index, value, memory_);
  }

  std::vector<std::byte> bytes_ = std::vector<std::byte>(0x10000);
  GuestMemory memory_;
  Pvclock clock_;
  GuestMsrs amd_;
  GuestMsrs intel_;
};

TEST_F(MsrTest, ApicBase) {
  EXPECT_EQ(amd_.Read(msr::kApicBase, 0), 0xfee00d00u);
  EXPECT_EQ(intel_.Read(msr::kApicBase, 0), 0xfee00c00u);
  EXPECT_TRUE(Write(amd_, msr::kApicBase, 0xfee00d00));
  EXPECT_TRUE(Write(amd_, msr::kApicBase, 0xfee00c00));   // BSP is read-only
  EXPECT_FALSE(Write(amd_, msr::kApicBase, 0xfee00900));  // xAPIC
  EXPECT_FALSE(Write(amd_, msr::kApicBase, 0xfee00100));  // off
  EXPECT_FALSE(Write(amd_, msr::kApicBase, 0xfed00d00));  // elsewhere
  EXPECT_EQ(amd_.Read(msr::kApicBase, 0), 0xfee00d00u);
}

TEST_F(MsrTest, SystemTime) {
  EXPECT_EQ(amd_.Read(msr::kKvmSystemTime, 0), 0u);
  EXPECT_TRUE(Write(amd_, msr::kKvmSystemTime, 0x2000 | 1));
  EXPECT_EQ(amd_.Read(msr::kKvmSystemTime, 0), 0x2001u);
  const auto info = *memory_.Read<PvclockVcpuTimeInfo>(GuestPhysical{0x2000});
  EXPECT_EQ(info.version, 2u);
  EXPECT_EQ(info.tsc_timestamp, 77u);
  EXPECT_FALSE(Write(amd_, msr::kKvmSystemTime, 0x20000 | 1));  // no memory
  EXPECT_FALSE(Write(amd_, msr::kKvmSystemTime, 0x2002 | 1));   // not aligned
  EXPECT_EQ(amd_.Read(msr::kKvmSystemTime, 0), 0x2001u);
  EXPECT_TRUE(Write(amd_, msr::kKvmSystemTime, 0x20000));  // off
}

TEST_F(MsrTest, WallClock) {
  EXPECT_TRUE(Write(amd_, msr::kKvmWallClock, 0x3000));
  const auto clock = *memory_.Read<PvclockWallClock>(GuestPhysical{0x3000});
  EXPECT_EQ(clock.seconds, 1'000'000'000u);
  EXPECT_EQ(clock.nanoseconds, 5u);
  EXPECT_FALSE(Write(amd_, msr::kKvmWallClock, ~uint64_t{0}));
}

TEST_F(MsrTest, Counter) {
  EXPECT_EQ(amd_.Read(msr::kTsc, 12345), 12345u);
  EXPECT_FALSE(Write(amd_, msr::kTsc, 0));
}

TEST_F(MsrTest, FixedRegisters) {
  EXPECT_EQ(amd_.Read(msr::kAmdHwcr, 0), 1u << 24);
  EXPECT_TRUE(Write(amd_, msr::kAmdHwcr, 1 << 24 | 1 << 6));
  EXPECT_FALSE(Write(amd_, msr::kAmdHwcr, 1 << 24 | 1));
  EXPECT_FALSE(Write(amd_, msr::kAmdHwcr, 0));
  EXPECT_EQ(amd_.Read(msr::kAmdNbConfig, 0), 0u);
  EXPECT_TRUE(Write(amd_, msr::kAmdNbConfig, uint64_t{1} << 46));
  EXPECT_EQ(amd_.Read(msr::kAmdInterruptPending, 0), 0u);
  EXPECT_FALSE(intel_.Read(msr::kAmdHwcr, 0));
  EXPECT_EQ(intel_.Read(msr::kMiscEnable, 0), 0x1801u);
  EXPECT_FALSE(Write(intel_, msr::kMiscEnable, 0x1801 | 1 << 22));
  EXPECT_FALSE(amd_.Read(msr::kMiscEnable, 0));
  EXPECT_EQ(amd_.Read(msr::kMicrocode, 0), 0u);
  EXPECT_TRUE(Write(amd_, msr::kMicrocode, 0));
  EXPECT_FALSE(Write(amd_, msr::kMicrocode, 1));
  EXPECT_TRUE(Write(amd_, msr::kDebugControl, 0));
  EXPECT_FALSE(Write(amd_, msr::kDebugControl, 1));
}

TEST_F(MsrTest, UnknownIsRefusedAndCounted) {
  EXPECT_EQ(amd_.unknown_count(), 0u);
  // Machine check, MTRRs, speculation control, platform information, nothing at all.
  for (const uint32_t index : {0x179u, 0xfeu, 0x2ffu, 0x48u, 0xceu, 0xdeadbeefu}) {
    EXPECT_FALSE(amd_.Read(index, 0));
    EXPECT_FALSE(Write(amd_, index, 0));
    EXPECT_EQ(amd_.last_unknown(), index);
  }
  EXPECT_EQ(amd_.unknown_count(), 12u);
}

}  // namespace
}  // namespace bulkhead
