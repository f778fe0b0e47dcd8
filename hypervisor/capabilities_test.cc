// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "hypervisor/capabilities.h"

#include "gtest/gtest.h"
#include "hypervisor/testing/fake_node.h"

namespace bulkhead {
namespace {

using abi::Call;
using testing::FakeNode;

TEST(CapabilityTableTest, FullTableAndFreedSlots) {
  FakeNode node;
  const testing::FakeNode::Usage before = node.GetUsage();
  {
    CapabilityTable table;
    Arena& arena = node.root().arena;
    for (uint64_t i = 0; i < CapabilityTable::kCapacity; ++i) {
      const Result<uint64_t> handle = table.Insert({.object = &node.root(), .badge = i}, arena);
      ASSERT_TRUE(handle.ok());
      EXPECT_EQ(*handle, i);
    }
    EXPECT_EQ(table.Insert({.object = &node.root()}, arena).status(), Status::kNoHandle);
    EXPECT_EQ(table.Find(CapabilityTable::kCapacity), nullptr);
    EXPECT_EQ(table.Find(~uint64_t{0}), nullptr);
    ASSERT_NE(table.Find(500), nullptr);
    EXPECT_EQ(table.Find(500)->badge, 500u);
    table.Clear(*table.Find(500), arena);
    EXPECT_EQ(table.Find(500), nullptr);
    EXPECT_EQ(*table.Insert({.object = &node.root(), .badge = 1}, arena), 500u);
    uint64_t left = 0;
    for (; table.Any() != nullptr; ++left) table.Clear(*table.Any(), arena);
    EXPECT_EQ(left, CapabilityTable::kCapacity);
  }
  EXPECT_EQ(node.GetUsage(), before);
}

TEST(CapabilityTableTest, PageThatCannotBeHad) {
  FakeNode node;
  CapabilityTable table;
  node.LeavePages(0);
  EXPECT_EQ(table.Insert({.object = &node.root()}, node.root().arena).status(), Status::kNoMemory);
  node.GiveBackPages();
  EXPECT_EQ(*table.Insert({.object = &node.root()}, node.root().arena), 0u);
}

// Whoever once had many handles does not pay for them for ever.
TEST(CapabilityTableTest, PagesGoWithTheirLastCapability) {
  FakeNode node;
  CapabilityTable table;
  Arena& arena = node.root().arena;
  const auto insert = [&] { return *table.Insert({.object = &node.root()}, arena); };
  EXPECT_EQ(insert(), 0u);
  const testing::FakeNode::Usage one = node.GetUsage();
  for (uint64_t i = 1; i <= CapabilityTable::kPerPage + 1; ++i) EXPECT_EQ(insert(), i);
  EXPECT_NE(node.GetUsage(), one);
  table.Clear(*table.Find(CapabilityTable::kPerPage), arena);
  EXPECT_NE(node.GetUsage(), one) << "another is on that page";
  EXPECT_EQ(insert(), CapabilityTable::kPerPage);
  for (uint64_t i = CapabilityTable::kPerPage + 1; i > 0; --i) table.Clear(*table.Find(i), arena);
  EXPECT_EQ(node.GetUsage(), one);
  EXPECT_EQ(table.Find(CapabilityTable::kPerPage), nullptr);
  EXPECT_EQ(insert(), 1u);
}

class HandleTest : public ::testing::Test {
 protected:
  FakeNode node_;
  FakeNode::Child child_ = node_.MakeChild(FakeNode::kMiB);
  Thread& thread_ = *child_.thread;

  testing::Answer Grant(uint64_t source, uint64_t rights, uint64_t badge = 0) {
    return node_.Call(node_.root_thread(), Call::kHandleGrant,
                      {child_.handle, source, rights, badge});
  }
};

TEST_F(HandleTest, SelfHasControlOnlyAndStays) {
  const Capability* self = child_.process->capabilities.Find(abi::kSelf);
  ASSERT_NE(self, nullptr);
  EXPECT_EQ(self->object, child_.process);
  EXPECT_EQ(self->rights, abi::kControl);
  EXPECT_EQ(node_.Call(thread_, Call::kHandleClose, {abi::kSelf}).status, Status::kBadHandle);
  EXPECT_EQ(
      node_.Call(thread_, Call::kHandleGrant, {abi::kSelf, abi::kSelf, abi::kControl, 0}).status,
      Status::kDenied);
}

TEST_F(HandleTest, RightsShrinkOnly) {
  const uint64_t event = node_.Do(Call::kEventCreate);
  const testing::Answer wait_only = Grant(event, abi::kWait | abi::kGrant);
  ASSERT_TRUE(wait_only.ok());
  EXPECT_EQ(node_.Call(thread_, Call::kEventSignal, {wait_only.value[0], 1}).status,
            Status::kDenied);
  const auto again = [&](uint64_t rights) {
    return node_.Call(thread_, Call::kHandleGrant, {abi::kSelf, wait_only.value[0], rights, 0});
  };
  EXPECT_EQ(again(abi::kWait | abi::kSignal).status, Status::kDenied);
  EXPECT_EQ(again(uint64_t{1} << 40 | abi::kWait).status, Status::kDenied);
  EXPECT_TRUE(again(abi::kWait).ok());
  EXPECT_TRUE(again(0).ok());
  EXPECT_EQ(Grant(event, abi::kSystem).status, Status::kDenied);
}

TEST_F(HandleTest, WithoutGrantNoCopies) {
  const uint64_t event = node_.Do(Call::kEventCreate);
  const testing::Answer copy = Grant(event, abi::kAllRights & ~uint32_t{abi::kGrant});
  ASSERT_TRUE(copy.ok());
  EXPECT_EQ(node_.Call(thread_, Call::kHandleGrant, {abi::kSelf, copy.value[0], 0, 0}).status,
            Status::kDenied);
}

TEST_F(HandleTest, BadgeStays) {
  const uint64_t channel = node_.Do(Call::kChannelCreate);
  const testing::Answer copy = Grant(channel, abi::kSignal | abi::kGrant, 7);
  ASSERT_TRUE(copy.ok());
  const auto again = [&](uint64_t badge) {
    return node_.Call(thread_, Call::kHandleGrant, {abi::kSelf, copy.value[0], abi::kSignal, badge})
        .status;
  };
  EXPECT_EQ(again(8), Status::kDenied);
  EXPECT_EQ(again(0), Status::kDenied);
  EXPECT_EQ(again(7), Status::kOk);
}

TEST_F(HandleTest, ClosedHandleIsGone) {
  const uint64_t event = node_.Do(Call::kEventCreate);
  node_.Do(Call::kHandleClose, {event});
  EXPECT_EQ(node_.StatusOf(Call::kHandleClose, {event}), Status::kBadHandle);
  EXPECT_EQ(node_.StatusOf(Call::kEventSignal, {event, 1}), Status::kBadHandle);
  EXPECT_EQ(node_.StatusOf(Call::kHandleGrant, {child_.handle, event, 0, 0}), Status::kBadHandle);
}

TEST_F(HandleTest, FullTableOfAnotherRefusesAndLeaksNothing) {
  const uint64_t event = node_.Do(Call::kEventCreate);
  uint64_t granted = 0;
  while (Grant(event, abi::kWait).ok()) ++granted;
  EXPECT_EQ(granted, CapabilityTable::kCapacity - 1);
  EXPECT_EQ(Grant(event, abi::kWait).status, Status::kNoHandle);
  // A call that makes an object and cannot name it gives it back.
  const uint64_t used = child_.process->quota.used();
  for (const Call call : {Call::kEventCreate, Call::kChannelCreate, Call::kVmCreate}) {
    EXPECT_EQ(node_.Call(thread_, call).status, Status::kNoHandle);
  }
  EXPECT_EQ(node_.Call(thread_, Call::kMemoryCreate, {kPageSize}).status, Status::kNoHandle);
  node_.Settle();
  EXPECT_EQ(child_.process->quota.used(), used);
}

TEST_F(HandleTest, OnlyTheRootTaskHasSystemRights) {
  const uint64_t log = static_cast<uint64_t>(abi::SystemOperation::kTotals);
  EXPECT_TRUE(node_.Call(node_.root_thread(), Call::kSystemControl, {log}).ok());
  EXPECT_EQ(node_.Call(thread_, Call::kSystemControl, {log}).status, Status::kDenied);
  EXPECT_EQ(node_.Call(thread_, Call::kProcessCreate, {kPageSize}).status, Status::kDenied);
  EXPECT_EQ(node_.Call(thread_, Call::kMemoryPhysical, {0, kPageSize, 0}).status, Status::kDenied);
  // Neither does a capability for the root's process help.
  ASSERT_TRUE(Grant(abi::kSelf, abi::kAllRights | abi::kSystem).ok());
  EXPECT_EQ(node_.Call(thread_, Call::kSystemControl, {log}).status, Status::kDenied);
}

}  // namespace
}  // namespace bulkhead
