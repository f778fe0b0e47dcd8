// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// The guest's local APIC against Intel SDM 3A, chapter 11.

#include "arch/x86_64/guest_apic.h"

#include "gtest/gtest.h"

namespace bulkhead::arch {
namespace {

using Access = GuestApic::Access;

constexpr uint32_t kId = 0x802, kVersion = 0x803, kTpr = 0x808, kPpr = 0x80a, kEoi = 0x80b,
                   kLdr = 0x80d, kSpurious = 0x80f, kIsr = 0x810, kTmr = 0x818, kIrr = 0x820,
                   kEsr = 0x828, kIcr = 0x830, kTimer = 0x832, kLint0 = 0x835, kInitial = 0x838,
                   kCurrent = 0x839, kDivide = 0x83e, kSelfIpi = 0x83f;
constexpr uint64_t kNever = ~uint64_t{0};

class GuestApicTest : public ::testing::Test {
 protected:
  GuestApicTest() { Write(kSpurious, 0x1ff); }

  void Write(uint32_t msr, uint64_t value, uint64_t now = 0) {
    EXPECT_EQ(apic_.Write(msr, value, now), Access::kDone) << std::hex << msr;
  }
  uint64_t Read(uint32_t msr, uint64_t now = 0) {
    uint64_t value = 0xbad;
    EXPECT_EQ(apic_.Read(msr, now, &value), Access::kDone) << std::hex << msr;
    return value;
  }
  // The processor takes the highest interrupt.
  int Take() {
    const int vector = apic_.Highest();
    if (vector >= 0) apic_.Accept(vector);
    return vector;
  }

  GuestApic apic_{5};
};

TEST_F(GuestApicTest, AfterReset) {
  GuestApic apic(0x23);
  uint64_t value = 0;
  ASSERT_EQ(apic.Read(kId, 0, &value), Access::kDone);
  EXPECT_EQ(value, 0x23u);
  // x2APIC logical id: cluster in the upper half, one bit in the lower (11.12.10.2).
  ASSERT_EQ(apic.Read(kLdr, 0, &value), Access::kDone);
  EXPECT_EQ(value, 0x2u << 16 | 1u << 3);
  ASSERT_EQ(apic.Read(kSpurious, 0, &value), Access::kDone);
  EXPECT_EQ(value, 0xffu);
  ASSERT_EQ(apic.Read(kTimer, 0, &value), Access::kDone);
  EXPECT_EQ(value, 0x10000u);
  EXPECT_EQ(apic.deadline(), kNever);
  ASSERT_EQ(apic.Read(kVersion, 0, &value), Access::kDone);
  EXPECT_GE(value & 0xff, 0x10u);           // integrated
  EXPECT_EQ((value >> 16 & 0xff) + 1, 6u);  // local vectors: 0x832 to 0x837
}

TEST_F(GuestApicTest, NothingIsDeliveredWhileSoftwareDisabled) {
  Write(kSpurious, 0xff);
  apic_.Request(0x40);
  EXPECT_EQ(apic_.Highest(), -1);
  Write(kSpurious, 0x1ff);
  EXPECT_EQ(apic_.Highest(), 0x40);
}

TEST(VectorSetTest, HighestAsVectorsComeAndGo) {
  VectorSet set;
  EXPECT_TRUE(set.empty());
  EXPECT_EQ(set.Highest(), -1);
  EXPECT_TRUE(set.Add(0));
  EXPECT_FALSE(set.Add(0)) << "twice is once";
  EXPECT_EQ(set.Highest(), 0);
  for (const uint8_t vector : {63, 64, 65, 255}) {
    EXPECT_TRUE(set.Add(vector));
    EXPECT_EQ(set.Highest(), vector);
  }
  EXPECT_EQ(set.Register(0), 1u);
  EXPECT_EQ(set.Register(1), 0x80000000u);
  EXPECT_EQ(set.Register(2), 3u);
  EXPECT_EQ(set.Register(7), 0x80000000u);
  set.Remove(64);  // its word is not empty
  EXPECT_EQ(set.Highest(), 255);
  for (const int next : {65, 63, 0, -1}) {
    set.Remove(static_cast<uint8_t>(set.Highest()));
    EXPECT_EQ(set.Highest(), next);
  }
  EXPECT_TRUE(set.empty());
}

TEST_F(GuestApicTest, EveryVectorInTurn) {
  for (int vector = 0; vector < 256; ++vector) {
    const bool legal = vector >= 16;
    EXPECT_EQ(apic_.Request(static_cast<uint8_t>(vector)), legal) << vector;
    EXPECT_FALSE(apic_.Request(static_cast<uint8_t>(vector))) << "twice is once";
    EXPECT_EQ(Take(), legal ? vector : -1);
    if (legal) Write(kEoi, 0);
    EXPECT_EQ(apic_.Highest(), -1);
  }
}

TEST_F(GuestApicTest, HighestFirst) {
  for (const uint8_t vector : {0x31, 0xf0, 0x80, 0x7f}) apic_.Request(vector);
  for (const int vector : {0xf0, 0x80, 0x7f, 0x31}) {
    EXPECT_EQ(Take(), vector);
    Write(kEoi, 0);
  }
  EXPECT_EQ(Take(), -1);
}

TEST_F(GuestApicTest, OnlyAHigherClassInterruptsAHandler) {
  apic_.Request(0x45);
  EXPECT_EQ(Take(), 0x45);
  apic_.Request(0x4f);  // same class
  EXPECT_EQ(Take(), -1);
  apic_.Request(0x50);
  EXPECT_EQ(Take(), 0x50);
  EXPECT_EQ(Read(kPpr), 0x50u);
  Write(kEoi, 0);  // ends the highest in service
  EXPECT_EQ(Read(kPpr), 0x40u);
  EXPECT_EQ(Take(), -1);
  Write(kEoi, 0);
  EXPECT_EQ(Take(), 0x4f);
}

TEST_F(GuestApicTest, TaskPriority) {
  apic_.Request(0x5f);
  Write(kTpr, 0x50);
  EXPECT_EQ(apic_.Highest(), -1);
  Write(kTpr, 0x4f);
  EXPECT_EQ(apic_.Highest(), 0x5f);
  EXPECT_EQ(Read(kPpr), 0x4fu);
  EXPECT_EQ(Read(kTpr), 0x4fu);
  EXPECT_EQ(apic_.Write(kTpr, 0x100, 0), Access::kFault);
  apic_.set_task_priority(0xf0);
  EXPECT_EQ(apic_.Highest(), -1);
}

TEST_F(GuestApicTest, SpuriousEndOfInterruptIsHarmless) {
  Write(kEoi, 0);
  EXPECT_EQ(apic_.Write(kEoi, 1, 0), Access::kFault);  // 11.12.1.2
}

TEST_F(GuestApicTest, RequestAndServiceRegisters) {
  apic_.Request(0x31);
  apic_.Request(0xff);
  EXPECT_EQ(Read(kIrr + 1), uint64_t{1} << 0x11);
  EXPECT_EQ(Read(kIrr + 7), uint64_t{1} << 31);
  EXPECT_EQ(Take(), 0xff);
  EXPECT_EQ(Read(kIrr + 7), 0u);
  EXPECT_EQ(Read(kIsr + 7), uint64_t{1} << 31);
  for (uint32_t i = 0; i < 8; ++i) EXPECT_EQ(Read(kTmr + i), 0u);
}

TEST_F(GuestApicTest, SelfInterrupts) {
  Write(kSelfIpi, 0x61);
  EXPECT_EQ(Take(), 0x61);
  Write(kEoi, 0);
  EXPECT_EQ(apic_.Write(kSelfIpi, 0x100, 0), Access::kFault);
  Write(kIcr, 1 << 18 | 0x62);  // shorthand: self
  EXPECT_EQ(Take(), 0x62);
  Write(kEoi, 0);
  Write(kIcr, uint64_t{5} << 32 | 0x63);  // its own id
  EXPECT_EQ(Take(), 0x63);
}

TEST_F(GuestApicTest, InterruptsForOthers) {
  EXPECT_EQ(apic_.Write(kIcr, uint64_t{6} << 32 | 0x70, 0), Access::kInterprocessor);
  EXPECT_EQ(apic_.Highest(), -1);
  EXPECT_EQ(apic_.Write(kIcr, 3 << 18 | 0x70, 0), Access::kInterprocessor);  // all but self
  EXPECT_EQ(apic_.Highest(), -1);
  EXPECT_EQ(apic_.icr(), 3u << 18 | 0x70u);
  EXPECT_EQ(apic_.Write(kIcr, 2 << 18 | 0x71, 0), Access::kInterprocessor);  // all
  EXPECT_EQ(Take(), 0x71);
  Write(kEoi, 0);
  // Broadcast by address, and logical destinations (11.12.10.2).
  EXPECT_EQ(apic_.Write(kIcr, uint64_t{0xffffffff} << 32 | 0x72, 0), Access::kInterprocessor);
  EXPECT_EQ(Take(), 0x72);
  Write(kEoi, 0);
  EXPECT_EQ(apic_.Write(kIcr, uint64_t{0x20} << 32 | 1 << 11 | 0x73, 0), Access::kInterprocessor);
  EXPECT_EQ(Take(), 0x73);
  Write(kEoi, 0);
  EXPECT_EQ(apic_.Write(kIcr, uint64_t{0x1'0020} << 32 | 1 << 11 | 0x74, 0),
            Access::kInterprocessor);
  EXPECT_EQ(Take(), -1);
  // INIT to oneself is not an interrupt.
  Write(kIcr, 1 << 18 | 5 << 8);
  EXPECT_EQ(Take(), -1);
}

TEST_F(GuestApicTest, OneShotTimer) {
  Write(kDivide, 0xb);  // by one
  Write(kTimer, 0x40);
  Write(kInitial, 1000, 50);
  EXPECT_EQ(apic_.deadline(), 1050u);
  EXPECT_EQ(Read(kCurrent, 50), 1000u);
  EXPECT_EQ(Read(kCurrent, 650), 400u);
  apic_.Expire(1049);
  EXPECT_EQ(apic_.Highest(), -1);
  apic_.Expire(1050);
  EXPECT_EQ(Take(), 0x40);
  EXPECT_EQ(apic_.deadline(), kNever);
  EXPECT_EQ(Read(kCurrent, 1060), 0u);
  EXPECT_EQ(Read(kInitial), 1000u);
}

TEST_F(GuestApicTest, DividesBy) {
  Write(kTimer, 0x40);
  const uint64_t by[] = {2, 4, 8, 16, 32, 64, 128, 1};
  for (uint64_t code = 0; code < 8; ++code) {
    Write(kDivide, (code & 3) | (code & 4) << 1);
    Write(kInitial, 10, 0);
    EXPECT_EQ(apic_.deadline(), 10 * by[code]);
    EXPECT_EQ(Read(kCurrent, 5 * by[code]), 5u);
  }
}

TEST_F(GuestApicTest, LargestCountDoesNotWrap) {
  Write(kDivide, 0xa);  // by 128
  Write(kTimer, 0x40);
  Write(kInitial, 0xffffffff, 0);
  EXPECT_EQ(apic_.deadline(), uint64_t{0xffffffff} * 128);
}

TEST_F(GuestApicTest, CountOfZeroStops) {
  Write(kTimer, 0x40);
  Write(kInitial, 100, 0);
  Write(kInitial, 0, 0);
  EXPECT_EQ(apic_.deadline(), kNever);
  apic_.Expire(kNever - 1);
  EXPECT_EQ(apic_.Highest(), -1);
}

TEST_F(GuestApicTest, PeriodicTimer) {
  Write(kDivide, 0xb);
  Write(kTimer, 1 << 17 | 0x41);
  Write(kInitial, 100, 0);
  for (uint64_t period = 1; period < 4; ++period) {
    apic_.Expire(period * 100);
    EXPECT_EQ(Take(), 0x41);
    Write(kEoi, 0);
    EXPECT_EQ(apic_.deadline(), (period + 1) * 100);
  }
  // Looked at late: one interrupt, and in step again.
  apic_.Expire(1234);
  EXPECT_EQ(Take(), 0x41);
  Write(kEoi, 0);
  EXPECT_EQ(Take(), -1);
  EXPECT_EQ(apic_.deadline(), 1300u);
}

TEST_F(GuestApicTest, PeriodOfOneTickEnds) {
  Write(kDivide, 0xb);
  Write(kTimer, 1 << 17 | 0x41);
  Write(kInitial, 1, 0);
  apic_.Expire(uint64_t{1} << 60);
  EXPECT_EQ(apic_.deadline(), (uint64_t{1} << 60) + 1);
}

TEST_F(GuestApicTest, MaskedTimerRunsSilently) {
  Write(kDivide, 0xb);
  Write(kTimer, 1 << 16 | 0x40);
  Write(kInitial, 100, 0);
  EXPECT_EQ(Read(kCurrent, 40), 60u);
  apic_.Expire(100);
  EXPECT_EQ(apic_.Highest(), -1);
  EXPECT_EQ(apic_.deadline(), kNever);
}

TEST_F(GuestApicTest, TscDeadline) {
  apic_.set_tsc_offset(1'000'000);
  apic_.WriteTscDeadline(1'000'500);  // not in this mode: ignored (11.5.4.1)
  EXPECT_EQ(apic_.deadline(), kNever);
  EXPECT_EQ(apic_.ReadTscDeadline(), 0u);
  Write(kTimer, 2 << 17 | 0x42);
  apic_.WriteTscDeadline(1'000'500);
  EXPECT_EQ(apic_.deadline(), 500u);
  EXPECT_EQ(apic_.ReadTscDeadline(), 1'000'500u);
  EXPECT_EQ(Read(kCurrent, 100), 0u);
  Write(kInitial, 77, 0);  // ignored in this mode
  EXPECT_EQ(apic_.deadline(), 500u);
  apic_.Expire(499);
  EXPECT_EQ(apic_.Highest(), -1);
  apic_.Expire(500);
  EXPECT_EQ(Take(), 0x42);
  EXPECT_EQ(apic_.ReadTscDeadline(), 0u) << "fires once and disarms";
  EXPECT_EQ(apic_.deadline(), kNever);
  apic_.WriteTscDeadline(1'000'900);
  apic_.WriteTscDeadline(0);
  EXPECT_EQ(apic_.deadline(), kNever);
}

TEST_F(GuestApicTest, TscDeadlineFarAwayAndLongPast) {
  Write(kTimer, 2 << 17 | 0x42);
  apic_.set_tsc_offset(uint64_t{0} - 5000);  // the guest's counter began at 5000 of the machine's
  apic_.WriteTscDeadline(1);
  EXPECT_EQ(apic_.deadline(), 5001u);
  apic_.WriteTscDeadline(~uint64_t{0} - 10);
  EXPECT_EQ(apic_.deadline(), kNever) << "not in the past";
  apic_.set_tsc_offset(5000);
  apic_.WriteTscDeadline(100);
  apic_.Expire(1);
  EXPECT_EQ(Take(), 0x42) << "long past: at once";
}

TEST_F(GuestApicTest, ChangingModeDisarms) {
  Write(kTimer, 2 << 17 | 0x42);
  apic_.WriteTscDeadline(500);
  Write(kTimer, 1 << 17 | 0x42);
  EXPECT_EQ(apic_.deadline(), kNever);
  Write(kInitial, 10, 0);
  EXPECT_NE(apic_.deadline(), kNever);
  Write(kTimer, 2 << 17 | 0x42);
  EXPECT_EQ(apic_.deadline(), kNever);
}

TEST_F(GuestApicTest, RegistersThatDoNotExistFault) {
  uint64_t value = 0;
  for (uint32_t msr = 0x800; msr < 0x840; ++msr) {
    const bool readable = msr == kId || msr == kVersion || msr == kTpr || msr == kPpr ||
                          msr == kLdr || msr == kSpurious || (msr >= kIsr && msr <= kEsr) ||
                          msr == kIcr || (msr >= kTimer && msr <= kCurrent) || msr == kDivide;
    EXPECT_EQ(apic_.Read(msr, 0, &value) != Access::kFault, readable) << std::hex << msr;
    const bool writable = msr == kTpr || msr == kEoi || msr == kSpurious || msr == kEsr ||
                          msr == kIcr || (msr >= kTimer && msr <= kInitial) || msr == kDivide ||
                          msr == kSelfIpi;
    EXPECT_EQ(apic_.Write(msr, 0, 0) != Access::kFault, writable) << std::hex << msr;
    if (msr != kIcr) {
      EXPECT_EQ(apic_.Write(msr, uint64_t{1} << 32, 0), Access::kFault) << std::hex << msr;
    }
  }
  EXPECT_EQ(apic_.Write(kEsr, 1, 0), Access::kFault);
}

TEST_F(GuestApicTest, LocalVectorsKeepTheirBits) {
  Write(kLint0, 0x8700);  // ExtINT, level
  EXPECT_EQ(Read(kLint0), 0x8700u);
  Write(kTimer, 2 << 17 | 0x42);
  EXPECT_EQ(Read(kTimer), 2u << 17 | 0x42u);
}

TEST_F(GuestApicTest, TimerVectorBelow16IsNotDelivered) {
  Write(kTimer, 5);
  Write(kDivide, 0xb);
  Write(kInitial, 1, 0);
  apic_.Expire(10);
  EXPECT_EQ(apic_.Highest(), -1);
  EXPECT_EQ(apic_.deadline(), kNever);
}

TEST_F(GuestApicTest, HeldBackByTheTaskPriorityAlone) {
  EXPECT_EQ(apic_.HighestHeldBack(), -1);
  apic_.Request(0x51);
  apic_.set_task_priority(0x60);
  EXPECT_EQ(apic_.Highest(), -1);
  EXPECT_EQ(apic_.HighestHeldBack(), 0x51);
  apic_.set_task_priority(0);
  apic_.Accept(apic_.Highest());
  apic_.Request(0x5f);
  EXPECT_EQ(apic_.HighestHeldBack(), -1) << "the one in service does";
  apic_.Request(0x60);
  EXPECT_EQ(apic_.HighestHeldBack(), 0x60);
  Write(kSpurious, 0xff);
  EXPECT_EQ(apic_.HighestHeldBack(), -1) << "the controller is off";
}

TEST_F(GuestApicTest, ReceivesWhatOthersAddressToIt) {
  // This one has id 5: cluster 0, bit 5.
  EXPECT_TRUE(apic_.Receives(uint64_t{5} << 32 | 0x70));
  EXPECT_FALSE(apic_.Receives(uint64_t{6} << 32 | 0x70));
  EXPECT_TRUE(apic_.Receives(uint64_t{0xffffffff} << 32 | 0x70));
  EXPECT_TRUE(apic_.Receives(uint64_t{0x20} << 32 | 1 << 11 | 0x70));
  EXPECT_FALSE(apic_.Receives(uint64_t{0x10} << 32 | 1 << 11 | 0x70));
  EXPECT_FALSE(apic_.Receives(uint64_t{0x1'0020} << 32 | 1 << 11 | 0x70));
  EXPECT_FALSE(apic_.Receives(1 << 18 | 0x70)) << "the sender's own";
  EXPECT_TRUE(apic_.Receives(2 << 18 | 0x70));
  EXPECT_TRUE(apic_.Receives(3 << 18 | 0x70));
  EXPECT_TRUE(apic_.Receives(uint64_t{5} << 32 | 4 << 8)) << "NMI";
  EXPECT_FALSE(apic_.Receives(uint64_t{5} << 32 | 5 << 8)) << "INIT";
}

// They have no vector, and it does not matter whether the controller is enabled.
TEST_F(GuestApicTest, NmisPassThrough) {
  Write(kIcr, 4 << 8 | 1 << 18);
  EXPECT_TRUE(apic_.nmi());
  EXPECT_TRUE(apic_.pending());
  EXPECT_EQ(apic_.Highest(), -1);
  EXPECT_FALSE(apic_.RequestNmi()) << "twice is once";
  apic_.AcceptNmi();
  EXPECT_FALSE(apic_.pending());
  EXPECT_TRUE(GuestApic::IsNmi(4 << 8 | 0x40));
  EXPECT_FALSE(GuestApic::IsNmi(2)) << "a vector";
}

}  // namespace
}  // namespace bulkhead::arch
