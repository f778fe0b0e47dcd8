// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "arch/aarch64/guest_gic.h"

#include <algorithm>
#include <array>
#include <random>
#include <set>
#include <vector>

#include "gtest/gtest.h"

namespace bulkhead::arch {
namespace {

constexpr uint32_t kTimer = 27;
constexpr uint32_t kPhysicalTimer = 19;

class GuestGicTest : public testing::Test {
 protected:
  GuestGicTest() {
    gic_.Initialize(kTimer, kPhysicalTimer);
    priority_.fill(0xa0);
    gic_.SetPrivate(~uint32_t{0}, priority_);
  }

  // INTIDs in list registers, in their order.
  std::vector<uint32_t> Listed() const {
    std::vector<uint32_t> intids;
    for (const uint64_t lr : list_) {
      if ((lr & (kListPending | kListActive)) != 0) intids.push_back(ListIntid(lr));
    }
    return intids;
  }

  GuestGic gic_;
  std::array<uint8_t, abi::kPrivateInterrupts> priority_;
  std::array<uint64_t, 4> list_ = {};
};

TEST_F(GuestGicTest, NothingWaitsAtFirst) {
  EXPECT_FALSE(gic_.waiting());
  EXPECT_TRUE(gic_.Fill(list_));
  EXPECT_TRUE(Listed().empty());
}

TEST_F(GuestGicTest, AnInterruptBecomesAListRegister) {
  EXPECT_TRUE(gic_.Request(40, 0x80));
  EXPECT_FALSE(gic_.Request(40, 0x80)) << "it was pending already";
  EXPECT_TRUE(gic_.waiting());
  EXPECT_TRUE(gic_.Fill(list_));
  EXPECT_EQ(list_[0], kListPending | kListGroup1 | uint64_t{0x80} << 48 | 40);
  EXPECT_FALSE(gic_.waiting());
  EXPECT_TRUE(GuestGic::HoldsPending(list_));
  EXPECT_FALSE(GuestGic::HoldsHardware(list_));
}

TEST_F(GuestGicTest, TheTimerIsTiedToItsPhysicalInterrupt) {
  gic_.Request(kTimer, 0);
  EXPECT_TRUE(gic_.timer_waiting());
  EXPECT_TRUE(gic_.Fill(list_));
  EXPECT_EQ(list_[0], kListPending | kListHardware | kListGroup1 | uint64_t{0xa0} << 48 |
                          uint64_t{kPhysicalTimer} << 32 | kTimer);
  EXPECT_TRUE(GuestGic::HoldsHardware(list_));
  list_[0] = (list_[0] & ~kListPending) | kListActive;
  EXPECT_TRUE(GuestGic::HoldsHardware(list_)) << "until it is deactivated";
  list_[0] &= ~kListActive;
  EXPECT_FALSE(GuestGic::HoldsHardware(list_));
}

TEST_F(GuestGicTest, ATimerThatDoesNotAskAnyMoreIsTakenBack) {
  EXPECT_FALSE(gic_.WithdrawTimer(list_)) << "it never asked";
  gic_.Request(kTimer, 0);
  EXPECT_TRUE(gic_.WithdrawTimer(list_)) << "while it waits";
  EXPECT_FALSE(gic_.waiting());

  gic_.Request(33, 0x80);
  gic_.Request(kTimer, 0);
  gic_.Fill(list_);
  ASSERT_EQ(Listed(), (std::vector<uint32_t>{33, kTimer}));
  EXPECT_TRUE(gic_.WithdrawTimer(list_)) << "from its list register";
  EXPECT_EQ(Listed(), std::vector<uint32_t>{33}) << "and no other";
  EXPECT_FALSE(GuestGic::HoldsHardware(list_));
  EXPECT_FALSE(gic_.WithdrawTimer(list_));

  EXPECT_TRUE(gic_.Request(kTimer, 0)) << "it asks again";
  gic_.Fill(list_);
  EXPECT_EQ(Listed(), (std::vector<uint32_t>{33, kTimer}));
}

TEST_F(GuestGicTest, ATimerInterruptThatIsHandledIsNotTakenBack) {
  gic_.Request(kTimer, 0);
  gic_.Fill(list_);
  list_[0] = (list_[0] & ~kListPending) | kListActive;
  const auto before = list_;
  EXPECT_FALSE(gic_.WithdrawTimer(list_)) << "the guest's deactivation ends the physical one";
  EXPECT_EQ(list_, before);
}

TEST_F(GuestGicTest, ADisabledTimerInterruptIsTakenBack) {
  gic_.SetPrivate(0, priority_);
  gic_.Request(kTimer, 0);
  EXPECT_TRUE(gic_.WithdrawTimer(list_));
  gic_.SetPrivate(~uint32_t{0}, priority_);
  EXPECT_FALSE(gic_.waiting()) << "nothing is left for when it is enabled";
}

TEST_F(GuestGicTest, APrivateInterruptWaitsUntilItIsEnabled) {
  gic_.SetPrivate(~(uint32_t{1} << 5), priority_);
  EXPECT_TRUE(gic_.Request(5, 0));
  EXPECT_FALSE(gic_.waiting());
  EXPECT_TRUE(gic_.Fill(list_));
  EXPECT_TRUE(Listed().empty());
  gic_.SetPrivate(~uint32_t{0}, priority_);
  EXPECT_TRUE(gic_.waiting());
  gic_.Fill(list_);
  EXPECT_EQ(Listed(), std::vector<uint32_t>{5});
}

TEST_F(GuestGicTest, TheMostUrgentGoFirst) {
  gic_.Request(33, 0xc0);
  gic_.Request(34, 0x20);
  gic_.Request(255, 0x10);
  gic_.Request(35, 0xd0);
  gic_.Request(36, 0x30);
  gic_.Request(37, 0xe0);
  EXPECT_FALSE(gic_.Fill(list_)) << "two have to wait";
  EXPECT_EQ(Listed(), (std::vector<uint32_t>{255, 34, 36, 33}));
  list_[1] = 0;
  EXPECT_FALSE(gic_.Fill(list_));
  EXPECT_EQ(Listed(), (std::vector<uint32_t>{255, 35, 36, 33}));
  list_[0] = 0;
  EXPECT_TRUE(gic_.Fill(list_));
  EXPECT_EQ(Listed(), (std::vector<uint32_t>{37, 35, 36, 33}));
}

TEST_F(GuestGicTest, AgainWhileItIsHandledMakesItPendingAndActive) {
  gic_.Request(50, 0x40);
  gic_.Fill(list_);
  list_[0] = (list_[0] & ~kListPending) | kListActive;
  EXPECT_TRUE(gic_.Request(50, 0x40));
  EXPECT_TRUE(gic_.Fill(list_));
  EXPECT_EQ(list_[0] & (kListPending | kListActive), kListPending | kListActive);
  EXPECT_EQ(Listed().size(), 1u) << "never twice in the list registers (IHI 0069, 4.2)";
}

// Whatever comes in whatever order: each interrupt is delivered, none twice at once.
TEST_F(GuestGicTest, NoneIsLostAndNoneIsDouble) {
  std::mt19937 random(1);
  std::set<uint32_t> wanted;
  for (int step = 0; step < 20000; ++step) {
    if (random() % 2 == 0) {
      const uint32_t intid = random() % abi::kInterrupts;
      gic_.Request(intid, static_cast<uint8_t>(random()));
      wanted.insert(intid);
    }
    gic_.Fill(list_);
    std::vector<uint32_t> listed = Listed();
    std::sort(listed.begin(), listed.end());
    EXPECT_EQ(std::adjacent_find(listed.begin(), listed.end()), listed.end());
    // The guest takes one, or ends one.
    uint64_t& lr = list_[random() % list_.size()];
    if ((lr & kListPending) != 0) {
      wanted.erase(ListIntid(lr));
      lr = (lr & ~kListPending) | kListActive;
    } else {
      lr = 0;
    }
  }
  for (int i = 0; i < 4 * static_cast<int>(abi::kInterrupts); ++i) {
    gic_.Fill(list_);
    for (uint64_t& lr : list_) {
      if ((lr & kListPending) != 0) wanted.erase(ListIntid(lr));
      lr = 0;
    }
  }
  EXPECT_TRUE(wanted.empty());
  EXPECT_FALSE(gic_.waiting());
}

}  // namespace
}  // namespace bulkhead::arch
