// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include <gtest/gtest.h>

#include "vmm/aarch64/gic_distributor.h"
#include "vmm/aarch64/gic_redistributor.h"

namespace bulkhead {
namespace {

constexpr uint32_t kCtlr = 0x0000;
constexpr uint32_t kGroup = 0x0080;
constexpr uint32_t kSetEnable = 0x0100;
constexpr uint32_t kClearEnable = 0x0180;
constexpr uint32_t kSetPending = 0x0200;
constexpr uint32_t kClearPending = 0x0280;
constexpr uint32_t kSetActive = 0x0300;
constexpr uint32_t kPriority = 0x0400;
constexpr uint32_t kConfiguration = 0x0c00;
constexpr uint32_t kRouter = 0x6000;
constexpr uint32_t kSgi = 0x1'0000;

class Distributor : public testing::Test {
 protected:
  uint64_t Read(uint32_t offset, uint32_t width = 4) { return gic_.Read(offset, width); }
  void Write(uint32_t offset, uint64_t value, uint32_t width = 4) {
    gic_.Write(offset, width, value);
  }
  // As Linux does: everything in group 1, priority 0xa0, then on.
  void SetUp() override {
    Write(kGroup + 4, ~0u);
    for (uint32_t i = 32; i < 64; i += 4) Write(kPriority + i, 0xa0a0a0a0);
    Write(kCtlr, 0x12);
  }
  // INTID of the next delivery; 0: none.
  uint32_t Next() {
    const auto delivery = gic_.Next();
    if (delivery) last_ = *delivery;
    return delivery ? delivery->intid : 0;
  }

  GicDistributor gic_{2};
  GicDelivery last_{};
};

TEST_F(Distributor, Identification) {
  EXPECT_EQ(Read(kCtlr), 0x52u);
  Write(kCtlr, 0);
  EXPECT_EQ(Read(kCtlr), 0x50u);  // affinity routing and the one security state cannot be changed
  EXPECT_EQ(Read(4), 0x2480001u);
  EXPECT_EQ(Read(0xffe8) & 0xf0, 0x30u);
  EXPECT_EQ(Read(4, 8), 0u);
  EXPECT_EQ(Read(4, 1), 0u);
}

TEST_F(Distributor, EnabledEdgeIsDeliveredOnce) {
  Write(kSetEnable + 4, 1 << 3);
  gic_.Raise(35);
  EXPECT_EQ(Next(), 35u);
  EXPECT_EQ(last_.cpu, 0u);
  EXPECT_EQ(last_.priority, 0xa0);
  EXPECT_EQ(Next(), 0u);
  gic_.Raise(35);
  EXPECT_EQ(Next(), 35u);
}

TEST_F(Distributor, DisabledEdgeWaits) {
  gic_.Raise(40);
  EXPECT_EQ(Next(), 0u);
  EXPECT_EQ(Read(kSetPending + 4), 1u << 8);
  Write(kSetEnable + 4, 1 << 8);
  EXPECT_EQ(Next(), 40u);
  EXPECT_EQ(Read(kSetPending + 4), 0u);
}

TEST_F(Distributor, EveryGateCounts) {
  Write(kSetEnable + 4, ~0u);
  Write(kCtlr, 0);
  gic_.Raise(32);
  EXPECT_EQ(Next(), 0u);
  Write(kCtlr, 2);
  Write(kGroup + 4, 0);
  EXPECT_EQ(Next(), 0u);
  Write(kGroup + 4, 1);
  EXPECT_EQ(Next(), 32u);
}

TEST_F(Distributor, PendingCanBeSetAndCleared) {
  Write(kSetEnable + 4, 3);
  Write(kSetPending + 4, 3);
  Write(kClearPending + 4, 1);
  EXPECT_EQ(Next(), 33u);
  EXPECT_EQ(Next(), 0u);
}

TEST_F(Distributor, EnableBits) {
  Write(kSetEnable + 4, 0xf0);
  Write(kSetEnable + 4, 0x0f);
  EXPECT_EQ(Read(kSetEnable + 4), 0xffu);
  Write(kClearEnable + 4, 0x18);
  EXPECT_EQ(Read(kClearEnable + 4), 0xe7u);
}

TEST_F(Distributor, Priorities) {
  Write(kPriority + 33, 0x47, 1);
  EXPECT_EQ(Read(kPriority + 33, 1), 0x40u);
  EXPECT_EQ(Read(kPriority + 32), 0xa0a040a0u);
  Write(kPriority + 36, 0xffffffff);
  EXPECT_EQ(Read(kPriority + 36), 0xf8f8f8f8u);
  EXPECT_EQ(Read(kPriority + 36, 2), 0u);
}

TEST_F(Distributor, Configuration) {
  Write(kConfiguration + 8, 0xffffffff);
  EXPECT_EQ(Read(kConfiguration + 8), 0xaaaaaaaau);
  EXPECT_EQ(Read(kConfiguration + 12), 0u);
  Write(kConfiguration + 12, 0x8);
  EXPECT_EQ(Read(kConfiguration + 12), 0x8u);
  EXPECT_EQ(Read(kConfiguration + 8), 0xaaaaaaaau);
}

TEST_F(Distributor, Routes) {
  Write(kSetEnable + 4, ~0u);
  Write(kRouter + 8 * 34, 1, 8);
  gic_.Raise(34);
  EXPECT_EQ(Next(), 34u);
  EXPECT_EQ(last_.cpu, 1u);
  // To nobody: it waits for somebody.
  Write(kRouter + 8 * 34, 2, 8);
  gic_.Raise(34);
  gic_.Raise(35);
  EXPECT_EQ(Next(), 35u);
  EXPECT_EQ(Next(), 0u);
  Write(kRouter + 8 * 34, 0, 4);
  EXPECT_EQ(Next(), 34u);
  Write(kRouter + 8 * 34, ~uint64_t{0}, 8);
  EXPECT_EQ(Read(kRouter + 8 * 34, 8), 0xff'00ff'ffffu);
  EXPECT_EQ(Read(kRouter + 8 * 34 + 4), 0xffu);
  Write(kRouter + 8 * 34 + 4, 0);
  EXPECT_EQ(Read(kRouter + 8 * 34, 8), 0xff'ffffu);
}

TEST_F(Distributor, WhatDoesNotExist) {
  // Private interrupts are the redistributors'; beyond the last line there is nothing.
  for (const uint32_t offset : {kGroup, kSetEnable, kSetPending, kPriority, kConfiguration,
                                kGroup + 8, kSetEnable + 124, kPriority + 64, kPriority + 1020,
                                kConfiguration + 16, kSetActive + 4, 0xd04u, 0xf00u, 0x8000u}) {
    Write(offset, ~0u);
    EXPECT_EQ(Read(offset), 0u) << std::hex << offset;
  }
  for (const uint32_t intid : {0u, 31u, 64u, 1019u}) {
    Write(kRouter + 8 * intid, 1, 8);
    EXPECT_EQ(Read(kRouter + 8 * intid, 8), 0u);
    gic_.Raise(intid);
  }
  EXPECT_EQ(Next(), 0u);
}

TEST(Redistributor, Identification) {
  const GicRedistributor first(0, false);
  const GicRedistributor second(1, true);
  EXPECT_EQ(first.Read(8, 8), 0u);
  EXPECT_EQ(second.Read(8, 8), 0x1'0000'0110u);
  EXPECT_EQ(second.Read(8, 4), 0x110u);
  EXPECT_EQ(second.Read(12, 4), 1u);
  EXPECT_EQ(second.Read(0xffe8, 4) & 0xf0, 0x30u);
}

TEST(Redistributor, Wakes) {
  GicRedistributor gic(0, true);
  EXPECT_EQ(gic.Read(0x14, 4), 6u);
  gic.Write(0x14, 4, 0);
  EXPECT_EQ(gic.Read(0x14, 4), 0u);
  gic.Write(0x14, 4, 2);
  EXPECT_EQ(gic.Read(0x14, 4), 6u);
}

TEST(Redistributor, PrivateInterrupts) {
  GicRedistributor gic(0, true);
  EXPECT_EQ(gic.enabled(), 0u);
  gic.Write(kSgi + kSetEnable, 4, 0x0800'00ff);
  EXPECT_EQ(gic.enabled(), 0u);  // all in group 0
  gic.Write(kSgi + kGroup, 4, ~0u);
  EXPECT_EQ(gic.enabled(), 0x0800'00ffu);
  gic.Write(kSgi + kPriority + 27, 1, 0x80);
  EXPECT_EQ(gic.priority()[27], 0x80);
  gic.Write(kSgi + kClearEnable, 4, 0xff);
  EXPECT_EQ(gic.enabled(), 0x0800'0000u);
}

TEST(Redistributor, PendingWaitsForEnable) {
  GicRedistributor gic(0, true);
  gic.Write(kSgi + kGroup, 4, ~0u);
  gic.Write(kSgi + kSetPending, 4, 0x0800'0001);
  EXPECT_FALSE(gic.NextPending().has_value());
  gic.Write(kSgi + kSetEnable, 4, ~0u);
  EXPECT_EQ(gic.NextPending(), 0u);
  EXPECT_EQ(gic.NextPending(), 27u);
  EXPECT_FALSE(gic.NextPending().has_value());
}

TEST(Redistributor, SoftwareGeneratedOnesAreEdges) {
  GicRedistributor gic(0, true);
  EXPECT_EQ(gic.Read(kSgi + kConfiguration, 4), 0xaaaaaaaau);
  gic.Write(kSgi + kConfiguration, 4, 0);
  EXPECT_EQ(gic.Read(kSgi + kConfiguration, 4), 0xaaaaaaaau);
  gic.Write(kSgi + kConfiguration + 4, 4, 0x2);
  EXPECT_EQ(gic.Read(kSgi + kConfiguration + 4, 4), 0x2u);
}

TEST(Redistributor, WhatDoesNotExist) {
  GicRedistributor gic(0, true);
  for (const uint32_t offset :
       {0u, 0x70u, kSetEnable, kSgi + kGroup + 4, kSgi + kPriority + 32, kSgi + 0x6000u}) {
    gic.Write(offset, 4, ~0u);
    EXPECT_EQ(gic.Read(offset, 4), 0u) << std::hex << offset;
  }
}

}  // namespace
}  // namespace bulkhead
