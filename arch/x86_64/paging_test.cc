// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// The x86_64 page-table formats, bit by bit (AMD APM 2, 5.3 to 5.6 and 15.25).

#include "arch/paging.h"

#include <cstdlib>

#include "gtest/gtest.h"

namespace bulkhead::arch {
namespace {

constexpr auto kPhysical = static_cast<HostPhysical>(0x000f'edcb'a980'0000);

TEST(PagingTest, SmallPage) {
  EXPECT_EQ(HostFormat::Leaf(kPhysical, 1, {}), 0x800f'edcb'a980'0001);
  EXPECT_EQ(HostFormat::Leaf(kPhysical, 1, {.write = true}), 0x800f'edcb'a980'0003);
  EXPECT_EQ(HostFormat::Leaf(kPhysical, 1, {.user = true}), 0x800f'edcb'a980'0005);
  EXPECT_EQ(HostFormat::Leaf(kPhysical, 1, {.execute = true, .user = true}), 0x000f'edcb'a980'0005);
  // Uncached: PCD and PWT, entry 3 of the PAT as it is after reset (AMD APM 2, 7.8.2).
  EXPECT_EQ(HostFormat::Leaf(kPhysical, 1, {.write = true, .device = true}), 0x800f'edcb'a980'001b);
}

TEST(PagingTest, LargePage) {
  EXPECT_EQ(HostFormat::Leaf(kPhysical, 2, {.write = true}), 0x800f'edcb'a980'0083);
  EXPECT_EQ(HostFormat::Leaf(static_cast<HostPhysical>(0x4000'0000), 3, {.execute = true}),
            0x4000'0081u);
}

TEST(PagingTest, TablesAllowEverything) {
  EXPECT_EQ(HostFormat::Table(kPhysical), 0x000f'edcb'a980'0007);
}

// A nested walk is a user access (AMD APM 2, 15.25.5).
TEST(PagingTest, NestedPagesAreUserPages) {
  EXPECT_EQ(GuestFormat::Leaf(kPhysical, 1, {}), 0x800f'edcb'a980'0005);
  EXPECT_EQ(GuestFormat::Leaf(kPhysical, 2, {.write = true, .execute = true}),
            0x000f'edcb'a980'0087);
}

// Intel SDM 3C, 29.3.2. In a process of its own, because the machine's kind is chosen for good.
TEST(PagingDeathTest, ExtendedPages) {
  const auto check = [] {
    GuestFormat::UseExtended();
    const bool right =
        GuestFormat::Leaf(kPhysical, 1, {}) == 0x000f'edcb'a980'0031 &&
        GuestFormat::Leaf(kPhysical, 1, {.write = true}) == 0x000f'edcb'a980'0033 &&
        GuestFormat::Leaf(kPhysical, 2, {.write = true, .execute = true}) ==
            0x000f'edcb'a980'00b7 &&
        GuestFormat::Leaf(kPhysical, 1, {.write = true, .device = true}) == 0x000f'edcb'a980'0003 &&
        GuestFormat::Table(kPhysical) == 0x000f'edcb'a980'0007 &&
        GuestFormat::Attributes(0x000f'edcb'a980'00b7) ==
            PageAttributes{.write = true, .execute = true, .user = true} &&
        GuestFormat::Attributes(0x000f'edcb'a980'0003) ==
            PageAttributes{.write = true, .user = true, .device = true};
    exit(right ? 0 : 1);
  };
  EXPECT_EXIT(check(), testing::ExitedWithCode(0), "");
}

TEST(PagingTest, ReservedAndAvailableBitsAreNotAddress) {
  EXPECT_EQ(HostFormat::Address(0xfff0'0000'0000'0fff), static_cast<HostPhysical>(0));
  EXPECT_EQ(HostFormat::Address(~uint64_t{0}), static_cast<HostPhysical>(0x000f'ffff'ffff'f000));
}

TEST(PagingTest, AddressesOfTheHypervisorAreAboveTheUsers) {
  EXPECT_GE(kDirectMap >> 39 & 511, HostFormat::kTop);
  EXPECT_GE(kImageBase >> 39 & 511, HostFormat::kTop);
  EXPECT_GE(kDeviceMap >> 39 & 511, HostFormat::kTop);
}

TEST(PagingTest, DirectMapRoundTrips) { EXPECT_EQ(ToPhysical(ToPointer(kPhysical)), kPhysical); }

}  // namespace
}  // namespace bulkhead::arch
