// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// Entries as the manual has them, bit by bit (Arm ARM DDI 0487, D8.3).

#include "arch/paging.h"

#include "gtest/gtest.h"

namespace bulkhead::arch {
namespace {

constexpr auto kPhysical = static_cast<HostPhysical>(0x0000'edcb'a980'0000);
constexpr uint64_t kXn = 0x0060'0000'0000'0000;  // UXN and PXN
constexpr uint64_t kUxn = 0x0040'0000'0000'0000;
constexpr uint64_t kPxn = 0x0020'0000'0000'0000;

TEST(PagingTest, PagesOfTheHypervisor) {
  // Accessed, inner shareable, normal memory; read-only.
  EXPECT_EQ(HostFormat::Leaf(kPhysical, 1, {}), 0x0000'edcb'a980'0787 | kXn);
  EXPECT_EQ(HostFormat::Leaf(kPhysical, 1, {.write = true}), 0x0000'edcb'a980'0707 | kXn);
  EXPECT_EQ(HostFormat::Leaf(kPhysical, 1, {.execute = true}), 0x0000'edcb'a980'0787 | kUxn);
  EXPECT_EQ(HostFormat::Leaf(kPhysical, 1, {.write = true, .device = true}),
            0x0000'edcb'a980'0703 | kXn);
}

TEST(PagingTest, PagesOfUserModeAreNotGlobalAndNotExecutableAtEl2) {
  EXPECT_EQ(HostFormat::Leaf(kPhysical, 1, {.user = true}), 0x0000'edcb'a980'0fc7 | kXn);
  EXPECT_EQ(HostFormat::Leaf(kPhysical, 1, {.write = true, .user = true}),
            0x0000'edcb'a980'0f47 | kXn);
  EXPECT_EQ(HostFormat::Leaf(kPhysical, 1, {.execute = true, .user = true}),
            0x0000'edcb'a980'0fc7 | kPxn);
}

TEST(PagingTest, BlocksAndTables) {
  EXPECT_EQ(HostFormat::Leaf(kPhysical, 2, {.write = true}), 0x0000'edcb'a980'0705 | kXn);
  EXPECT_EQ(HostFormat::Table(kPhysical), 0x0000'edcb'a980'0003u);
  EXPECT_TRUE(HostFormat::IsLeaf(HostFormat::Leaf(kPhysical, 2, {}), 2));
  EXPECT_TRUE(HostFormat::IsLeaf(HostFormat::Leaf(kPhysical, 1, {}), 1));
  EXPECT_FALSE(HostFormat::IsLeaf(HostFormat::Table(kPhysical), 2));
}

TEST(PagingTest, StageTwo) {
  EXPECT_EQ(GuestFormat::Leaf(kPhysical, 1, {}), 0x0000'edcb'a980'077f | kUxn);
  EXPECT_EQ(GuestFormat::Leaf(kPhysical, 2, {.write = true, .execute = true}),
            0x0000'edcb'a980'07fdu);
  EXPECT_EQ(GuestFormat::Leaf(kPhysical, 1, {.write = true, .device = true}),
            0x0000'edcb'a980'07c7 | kUxn);
}

TEST(PagingTest, ReservedAndAvailableBitsAreNotAddress) {
  EXPECT_EQ(HostFormat::Address(0xffff'0000'0000'0fff), static_cast<HostPhysical>(0));
  EXPECT_EQ(HostFormat::Address(~uint64_t{0}), static_cast<HostPhysical>(0x0000'ffff'ffff'f000));
}

TEST(PagingTest, AddressesOfTheHypervisorAreInTheUpperHalf) {
  for (const uint64_t address : {kDirectMap, kImageBase, kDeviceMap, kStackMap}) {
    EXPECT_EQ(address >> 48, 0xffffu) << std::hex << address;
  }
}

TEST(PagingTest, DirectMapRoundTrips) { EXPECT_EQ(ToPhysical(ToPointer(kPhysical)), kPhysical); }

}  // namespace
}  // namespace bulkhead::arch
