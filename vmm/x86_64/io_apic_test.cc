// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "vmm/x86_64/io_apic.h"

#include "gtest/gtest.h"

namespace bulkhead {
namespace {

class IoApicTest : public testing::Test {
 protected:
  uint32_t Get(uint8_t reg) {
    apic_.Write(IoApic::kSelectOffset, reg);
    return apic_.Read(IoApic::kWindowOffset);
  }
  void Set(uint8_t reg, uint32_t value) {
    apic_.Write(IoApic::kSelectOffset, reg);
    apic_.Write(IoApic::kWindowOffset, value);
  }
  void Route(uint32_t pin, uint64_t entry) {
    Set(static_cast<uint8_t>(0x11 + 2 * pin), static_cast<uint32_t>(entry >> 32));
    Set(static_cast<uint8_t>(0x10 + 2 * pin), static_cast<uint32_t>(entry));
  }

  IoApic apic_;
};

TEST_F(IoApicTest, AfterReset) {
  EXPECT_EQ(Get(0), 0u);
  EXPECT_EQ(Get(1), 0x00170011u);  // 24 entries
  for (uint8_t pin = 0; pin < 24; ++pin) {
    EXPECT_EQ(Get(0x10 + 2 * pin), 0x10000u);
    EXPECT_EQ(Get(0x11 + 2 * pin), 0u);
    EXPECT_FALSE(apic_.Raise(pin));
  }
}

TEST_F(IoApicTest, IdAndUnknownRegisters) {
  Set(0, 0xffffffff);
  EXPECT_EQ(Get(0), 0x0f000000u);
  Set(1, 0);
  EXPECT_EQ(Get(1), 0x00170011u);
  for (const int reg : {3, 0xf, 0x40, 0xff}) {
    Set(static_cast<uint8_t>(reg), 0xffffffff);
    EXPECT_EQ(Get(static_cast<uint8_t>(reg)), 0u);
  }
  apic_.Write(0x20, 1);
  apic_.Write(0x40, 1);
  EXPECT_EQ(apic_.Read(0x20), 0u);
}

TEST_F(IoApicTest, ReadOnlyBits) {
  Route(7, ~uint64_t{0});
  EXPECT_EQ(Get(0x10 + 14), 0x0001afffu);
  EXPECT_EQ(Get(0x11 + 14), 0xff000000u);
}

TEST_F(IoApicTest, Raise) {
  Route(5, 0x0200'0000'0000'0031);
  const auto message = apic_.Raise(5);
  ASSERT_TRUE(message);
  EXPECT_EQ(message->vector, 0x31);
  EXPECT_EQ(message->destination, 2);
  EXPECT_FALSE(message->logical);
  EXPECT_EQ(message->mode, DeliveryMode::kFixed);
  EXPECT_TRUE(apic_.Raise(5));  // every edge counts
  EXPECT_FALSE(apic_.Raise(6));
  EXPECT_FALSE(apic_.Raise(24));
  EXPECT_FALSE(apic_.Raise(0xffffffff));
}

TEST_F(IoApicTest, MaskedEdgeIsLost) {
  Route(5, 0x10031);
  EXPECT_FALSE(apic_.Raise(5));
  Route(5, 0x31);
  EXPECT_EQ(apic_.dropped(), 0u);
  EXPECT_TRUE(apic_.Raise(5));
}

TEST_F(IoApicTest, WhatIsNotDelivered) {
  Route(5, 0x0f);  // vectors below 16 are exceptions
  EXPECT_FALSE(apic_.Raise(5));
  for (const uint64_t mode : {2, 3, 4, 5, 6, 7}) {
    Route(5, 0x31 | mode << 8);
    EXPECT_FALSE(apic_.Raise(5));
  }
  EXPECT_EQ(apic_.dropped(), 7u);
}

TEST(InterruptTargetsTest, Destinations) {
  EXPECT_EQ(InterruptTargets({.destination = 0}, 1), 1u);
  EXPECT_EQ(InterruptTargets({.destination = 3}, 4), 8u);
  EXPECT_EQ(InterruptTargets({.destination = 4}, 4), 0u);
  EXPECT_EQ(InterruptTargets({.destination = 0xff}, 4), 0xfu);
  EXPECT_EQ(InterruptTargets({.destination = 0xff}, 64), ~uint64_t{0});
  EXPECT_EQ(InterruptTargets({.destination = 0xff, .logical = true}, 3), 7u);
  EXPECT_EQ(InterruptTargets({.destination = 6, .logical = true}, 8), 6u);
  EXPECT_EQ(InterruptTargets(
                {.destination = 6, .logical = true, .mode = DeliveryMode::kLowestPriority}, 8),
            2u);
}

}  // namespace
}  // namespace bulkhead
