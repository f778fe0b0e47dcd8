// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "drivers/virtio/virtqueue_driver.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "virtio/testing/driver_queue.h"
#include "virtio/virtqueue.h"

namespace bulkhead {
namespace {

using testing::TestRam;
using Buffer = VirtqueueDriver::Buffer;

constexpr uint64_t kRings = 0x10000;
constexpr uint64_t kData = 0x20000;
constexpr uint16_t kSize = 8;

// Both sides of one queue.
class VirtqueueDriverTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(
        driver_.Init({.bytes = ram_.bytes(kRings, 0x1000).data(), .bus_address = kRings}, kSize),
        Status::kOk);
    ASSERT_EQ(device_.Enable(ram_.memory(), kSize, kSize,
                             {.descriptors = GuestPhysical{driver_.descriptors_bus()},
                              .available = GuestPhysical{driver_.available_bus()},
                              .used = GuestPhysical{driver_.used_bus()}},
                             false),
              VirtqueueError::kNone);
  }
  Result<uint16_t> Add(std::vector<Buffer> buffers) { return driver_.Add(buffers); }
  void PutUsed(uint16_t slot, uint32_t id, uint32_t length) {
    ram_.PutValue(driver_.used_bus() + 4 + 8 * slot, VirtqUsedElement{.id = id, .length = length});
  }
  void PutUsedIndex(uint16_t index) { ram_.PutValue(driver_.used_bus() + 2, index); }

  TestRam ram_;
  VirtqueueDriver driver_;
  Virtqueue device_;
  VirtqueueChain chain_;
};

TEST_F(VirtqueueDriverTest, RefusesSizes) {
  VirtqueueDriver driver;
  for (const uint16_t size : {0, 3, 256}) {
    EXPECT_EQ(driver.Init({.bytes = ram_.bytes(kRings, 0x1000).data(), .bus_address = 0}, size),
              Status::kInvalidArgument);
  }
}

TEST_F(VirtqueueDriverTest, ChainsOfEveryLengthRoundAndRound) {
  for (int round = 0; round < 70000 / 3; ++round) {
    std::vector<std::vector<Buffer>> requests;
    std::vector<uint16_t> heads;
    for (uint32_t length = 1; length <= 3; ++length) {  // 6 of 8 descriptors
      std::vector<Buffer> buffers;
      for (uint32_t i = 0; i < length; ++i) buffers.push_back({kData + 16 * i, 16, i > 0});
      const auto head = Add(buffers);
      ASSERT_TRUE(head.ok());
      heads.push_back(*head);
    }
    ASSERT_TRUE(driver_.Publish());
    for (uint32_t length = 1; length <= 3; ++length) {
      ASSERT_EQ(device_.Pop(chain_), Virtqueue::PopResult::kChain);
      ASSERT_EQ(chain_.size(), length);
      ASSERT_EQ(chain_.writable_bytes(), 16 * (length - 1));
      device_.Push(chain_, chain_.writable_bytes());
    }
    for (uint32_t length = 1; length <= 3; ++length) {
      const auto completion = driver_.Take();
      ASSERT_TRUE(completion.ok());
      ASSERT_EQ(completion->head, heads[length - 1]);
      ASSERT_EQ(completion->written, 16 * (length - 1));
    }
    ASSERT_EQ(driver_.Take().status(), Status::kNotFound);
  }
}

TEST_F(VirtqueueDriverTest, FullIsBusy) {
  for (int i = 0; i < kSize; ++i) ASSERT_TRUE(Add({{kData, 1, false}}).ok());
  EXPECT_EQ(Add({{kData, 1, false}}).status(), Status::kBusy);
  EXPECT_EQ(Add({}).status(), Status::kInvalidArgument);
}

TEST_F(VirtqueueDriverTest, DeviceMayRefuseNotifications) {
  ram_.PutValue(driver_.used_bus(), kVirtqNoNotify);
  ASSERT_TRUE(Add({{kData, 1, false}}).ok());
  EXPECT_FALSE(driver_.Publish());
}

TEST_F(VirtqueueDriverTest, UsedIdNeverAdded) {
  ASSERT_TRUE(Add({{kData, 1, false}}).ok());
  PutUsed(0, 5, 0);
  PutUsedIndex(1);
  EXPECT_EQ(driver_.Take().status(), Status::kCorrupt);
  EXPECT_EQ(driver_.Take().status(), Status::kCorrupt);
  EXPECT_EQ(Add({{kData, 1, false}}).status(), Status::kCorrupt);
}

TEST_F(VirtqueueDriverTest, UsedIdOutOfRange) {
  PutUsed(0, 0x10000, 0);
  PutUsedIndex(1);
  EXPECT_EQ(driver_.Take().status(), Status::kCorrupt);
}

TEST_F(VirtqueueDriverTest, UsedTwice) {
  const auto head = Add({{kData, 1, false}});
  PutUsed(0, *head, 0);
  PutUsed(1, *head, 0);
  PutUsedIndex(2);
  EXPECT_TRUE(driver_.Take().ok());
  EXPECT_EQ(driver_.Take().status(), Status::kCorrupt);
}

TEST_F(VirtqueueDriverTest, UsedInTheMiddleOfAChain) {
  const auto head = Add({{kData, 1, false}, {kData, 1, true}});
  PutUsed(0, *head + 1U, 0);
  PutUsedIndex(1);
  EXPECT_EQ(driver_.Take().status(), Status::kCorrupt);
}

TEST_F(VirtqueueDriverTest, WroteMoreThanItMay) {
  const auto head = Add({{kData, 100, false}, {kData, 16, true}});
  PutUsed(0, *head, 17);
  PutUsedIndex(1);
  EXPECT_EQ(driver_.Take().status(), Status::kCorrupt);
}

TEST_F(VirtqueueDriverTest, UsedIndexAhead) {
  const auto head = Add({{kData, 1, false}});
  PutUsed(0, *head, 0);
  PutUsedIndex(kSize + 1);
  EXPECT_EQ(driver_.Take().status(), Status::kCorrupt);
}

}  // namespace
}  // namespace bulkhead
