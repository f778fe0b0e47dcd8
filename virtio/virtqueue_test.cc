// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "virtio/virtqueue.h"

#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "virtio/testing/driver_queue.h"

namespace bulkhead {
namespace {

using testing::DriverQueue;
using testing::TestRam;
using PopResult = Virtqueue::PopResult;

constexpr uint16_t kSize = 8;
constexpr uint64_t kRings = 0x10000;
constexpr uint64_t kData = 0x20000;

class VirtqueueTest : public ::testing::Test {
 protected:
  void Enable(bool event_idx = false) {
    ASSERT_EQ(queue_.Enable(ram_.memory(), kSize, 256, driver_.rings(), event_idx),
              VirtqueueError::kNone);
  }
  // Pops, expecting the queue to die.
  VirtqueueError Failure() {
    EXPECT_EQ(queue_.Pop(chain_), PopResult::kError);
    EXPECT_FALSE(queue_.ready());
    EXPECT_EQ(queue_.Pop(chain_), PopResult::kError) << "an error must stick";
    EXPECT_EQ(driver_.used_index(), 0);
    return queue_.error();
  }

  TestRam ram_;
  DriverQueue driver_{ram_, kRings, kSize};
  Virtqueue queue_;
  VirtqueueChain chain_;
};

TEST_F(VirtqueueTest, PopsSegmentsInOrderAndPushesUsed) {
  Enable();
  EXPECT_EQ(queue_.Pop(chain_), PopResult::kEmpty);
  ram_.Put(kData, "request");
  const uint16_t head = driver_.Add(
      {{kData, 4}, {kData + 4, 3}, {kData + 0x1000, 16, true}, {kData + 0x2000, 1, true}});
  ASSERT_EQ(queue_.Pop(chain_), PopResult::kChain);
  ASSERT_EQ(chain_.size(), 4U);
  EXPECT_EQ(chain_.head(), head);
  EXPECT_EQ(chain_.readable_bytes(), 7U);
  EXPECT_EQ(chain_.writable_bytes(), 17U);
  EXPECT_FALSE(chain_[1].writable);
  EXPECT_TRUE(chain_[2].writable);
  EXPECT_EQ(chain_[3].bytes.data(), ram_.bytes(kData + 0x2000, 1).data());
  std::array<char, 8> text = {};
  SegmentCursor reader(chain_.readable());
  EXPECT_EQ(reader.CopyOut(std::as_writable_bytes(std::span(text))), 7U);
  EXPECT_STREQ(text.data(), "request");
  EXPECT_TRUE(reader.done());

  EXPECT_FALSE(queue_.TakeInterrupt());
  queue_.Push(chain_, 17);
  EXPECT_EQ(driver_.used_index(), 1);
  EXPECT_EQ(driver_.used(0).id, head);
  EXPECT_EQ(driver_.used(0).length, 17U);
  EXPECT_TRUE(queue_.TakeInterrupt());
  EXPECT_FALSE(queue_.TakeInterrupt());
  EXPECT_EQ(queue_.Pop(chain_), PopResult::kEmpty);
}

TEST_F(VirtqueueTest, CursorWritesAcrossSegments) {
  Enable();
  driver_.Add({{kData, 3, true}, {kData + 0x100, 2, true}, {kData + 0x200, 4, true}});
  ASSERT_EQ(queue_.Pop(chain_), PopResult::kChain);
  SegmentCursor writer(chain_.writable());
  writer.Skip(1);
  EXPECT_EQ(writer.CopyIn(std::as_bytes(std::span("abcdef", 6))), 6U);
  EXPECT_EQ(writer.FillZero(100), 2U);
  EXPECT_TRUE(writer.done());
  EXPECT_EQ(ram_.text(kData, 3), std::string("\0ab", 3));
  EXPECT_EQ(ram_.text(kData + 0x100, 2), "cd");
  EXPECT_EQ(ram_.text(kData + 0x200, 4), std::string("ef\0\0", 4));
}

TEST_F(VirtqueueTest, IndexesWrap) {
  Enable(true);
  for (int i = 0; i < 70000; ++i) {
    driver_.SetUsedEvent(static_cast<uint16_t>(i));
    const uint16_t head = driver_.Add({{kData, 1, true}});
    ASSERT_EQ(queue_.Pop(chain_), PopResult::kChain) << i;
    ASSERT_EQ(chain_.head(), head);
    queue_.Push(chain_, 1);
    ASSERT_TRUE(queue_.TakeInterrupt()) << i;
    ASSERT_EQ(queue_.Pop(chain_), PopResult::kEmpty);
    ASSERT_EQ(driver_.available_event(), static_cast<uint16_t>(i + 1));
  }
}

TEST_F(VirtqueueTest, UnpopGivesTheSameBufferAgain) {
  Enable();
  driver_.Add({{kData, 1}});
  const uint16_t second = driver_.Add({{kData + 1, 1}});
  ASSERT_EQ(queue_.Pop(chain_), PopResult::kChain);
  ASSERT_EQ(queue_.Pop(chain_), PopResult::kChain);
  queue_.Unpop();
  ASSERT_EQ(queue_.Pop(chain_), PopResult::kChain);
  EXPECT_EQ(chain_.head(), second);
}

TEST_F(VirtqueueTest, NoInterruptFlagIsHeeded) {
  Enable();
  driver_.SetAvailableFlags(kVirtqNoInterrupt);
  driver_.Add({{kData, 1, true}});
  ASSERT_EQ(queue_.Pop(chain_), PopResult::kChain);
  queue_.Push(chain_, 1);
  EXPECT_FALSE(queue_.TakeInterrupt());
}

TEST_F(VirtqueueTest, UsedEventDelaysInterrupt) {
  Enable(true);
  driver_.SetUsedEvent(2);  // after the third buffer
  for (int i = 0; i < 4; ++i) {
    driver_.Add({{kData, 1, true}});
    ASSERT_EQ(queue_.Pop(chain_), PopResult::kChain);
    queue_.Push(chain_, 1);
    EXPECT_EQ(queue_.TakeInterrupt(), i == 2) << i;
  }
}

TEST_F(VirtqueueTest, WholeQueueInOneChain) {
  Enable();
  std::vector<DriverQueue::Buffer> buffers(kSize, {kData, 1});
  driver_.Add(buffers);
  ASSERT_EQ(queue_.Pop(chain_), PopResult::kChain);
  EXPECT_EQ(chain_.size(), kSize);
}

TEST_F(VirtqueueTest, BuffersInHighMemory) {
  Enable();
  driver_.Add({{TestRam::kHighStart + TestRam::kHighBytes - 16, 16}});
  ASSERT_EQ(queue_.Pop(chain_), PopResult::kChain);
}

TEST_F(VirtqueueTest, NotEnabledIsEmpty) {
  EXPECT_EQ(queue_.Pop(chain_), PopResult::kEmpty);
  EXPECT_FALSE(queue_.TakeInterrupt());
  queue_.Push(chain_, 0);
}

TEST_F(VirtqueueTest, RefusesBadSizes) {
  for (const uint16_t size : {0, 3, 7, 65535, 512}) {
    EXPECT_EQ(queue_.Enable(ram_.memory(), size, 256, driver_.rings(), false),
              VirtqueueError::kBadSize);
    EXPECT_FALSE(queue_.ready());
  }
  EXPECT_EQ(queue_.Enable(ram_.memory(), 128, 64, driver_.rings(), false),
            VirtqueueError::kBadSize);
  EXPECT_EQ(queue_.Enable(ram_.memory(), 512, 512, driver_.rings(), false),
            VirtqueueError::kBadSize);
}

TEST_F(VirtqueueTest, RefusesUnalignedRings) {
  for (int part = 0; part < 3; ++part) {
    Virtqueue::Rings rings = driver_.rings();
    if (part == 0) rings.descriptors = rings.descriptors + 8;
    if (part == 1) rings.available = rings.available + 1;
    if (part == 2) rings.used = rings.used + 2;
    EXPECT_EQ(queue_.Enable(ram_.memory(), kSize, 256, rings, false),
              VirtqueueError::kRingUnaligned);
  }
}

TEST_F(VirtqueueTest, RefusesRingsOutsideMemory) {
  for (int part = 0; part < 3; ++part) {
    for (const uint64_t address :
         {TestRam::kLowBytes - 16, TestRam::kLowBytes, TestRam::kHighStart - 16,
          TestRam::kHighStart + TestRam::kHighBytes - 16, ~uint64_t{15}}) {
      Virtqueue::Rings rings = driver_.rings();
      const auto bad = static_cast<GuestPhysical>(address);
      (part == 0 ? rings.descriptors : part == 1 ? rings.available : rings.used) = bad;
      EXPECT_EQ(queue_.Enable(ram_.memory(), kSize, 256, rings, false),
                VirtqueueError::kRingOutsideMemory)
          << part << ' ' << address;
    }
  }
}

TEST_F(VirtqueueTest, IndexAhead) {
  Enable();
  driver_.SetAvailableIndex(kSize + 1);
  EXPECT_EQ(Failure(), VirtqueueError::kIndexAhead);
}

TEST_F(VirtqueueTest, IndexAheadOfBuffersNotGivenBack) {
  Enable();
  driver_.Add({{kData, 1}});
  ASSERT_EQ(queue_.Pop(chain_), PopResult::kChain);
  driver_.SetAvailableIndex(kSize + 1);  // 8 new ones while we still hold one
  EXPECT_EQ(Failure(), VirtqueueError::kIndexAhead);
}

TEST_F(VirtqueueTest, IndexGoesBack) {
  Enable();
  driver_.Add({{kData, 1}});
  driver_.Add({{kData, 1}});
  ASSERT_EQ(queue_.Pop(chain_), PopResult::kChain);
  ASSERT_EQ(queue_.Pop(chain_), PopResult::kChain);
  driver_.SetAvailableIndex(1);
  EXPECT_EQ(Failure(), VirtqueueError::kIndexAhead);
}

TEST_F(VirtqueueTest, HeadOutOfRange) {
  Enable();
  driver_.Offer(kSize);
  EXPECT_EQ(Failure(), VirtqueueError::kHeadOutOfRange);
}

TEST_F(VirtqueueTest, NextOutOfRange) {
  Enable();
  driver_.SetDescriptor(0, {.address = kData, .length = 1, .flags = kVirtqNext, .next = kSize});
  driver_.Offer(0);
  EXPECT_EQ(Failure(), VirtqueueError::kNextOutOfRange);
}

TEST_F(VirtqueueTest, LoopOfOne) {
  Enable();
  driver_.SetDescriptor(0, {.address = kData, .length = 1, .flags = kVirtqNext, .next = 0});
  driver_.Offer(0);
  EXPECT_EQ(Failure(), VirtqueueError::kLoop);
}

TEST_F(VirtqueueTest, LoopOfTwo) {
  Enable();
  driver_.SetDescriptor(3, {.address = kData, .length = 1, .flags = kVirtqNext, .next = 5});
  driver_.SetDescriptor(5, {.address = kData, .length = 1, .flags = kVirtqNext, .next = 3});
  driver_.Offer(3);
  EXPECT_EQ(Failure(), VirtqueueError::kLoop);
}

TEST_F(VirtqueueTest, Indirect) {
  Enable();
  driver_.SetDescriptor(0, {.address = kData, .length = 16, .flags = kVirtqIndirect, .next = 0});
  driver_.Offer(0);
  EXPECT_EQ(Failure(), VirtqueueError::kIndirect);
}

TEST_F(VirtqueueTest, ZeroLength) {
  Enable();
  driver_.Add({{kData, 1}, {kData, 0}});
  EXPECT_EQ(Failure(), VirtqueueError::kZeroLength);
}

TEST_F(VirtqueueTest, HugeLength) {
  for (const auto& [address, length] : {std::pair<uint64_t, uint32_t>{kData, 0xffffffff},
                                        {TestRam::kLowBytes - 1, 2},
                                        {0, TestRam::kLowBytes + 1},
                                        {TestRam::kHighStart, TestRam::kHighBytes + 1}}) {
    DriverQueue driver(ram_, kRings, kSize);
    ASSERT_EQ(queue_.Enable(ram_.memory(), kSize, 256, driver.rings(), false),
              VirtqueueError::kNone);
    driver.Add({{address, length, true}});
    EXPECT_EQ(Failure(), VirtqueueError::kHugeLength) << address;
  }
}

TEST_F(VirtqueueTest, OutsideMemory) {
  for (const uint64_t address :
       {TestRam::kLowBytes, TestRam::kHighStart - 1, TestRam::kHighStart + TestRam::kHighBytes,
        ~uint64_t{0}, ~uint64_t{0} - 1}) {
    DriverQueue driver(ram_, kRings, kSize);
    ASSERT_EQ(queue_.Enable(ram_.memory(), kSize, 256, driver.rings(), false),
              VirtqueueError::kNone);
    driver.Add({{address, 2}});
    EXPECT_EQ(Failure(), VirtqueueError::kOutsideMemory) << address;
  }
}

TEST_F(VirtqueueTest, ReadableAfterWritable) {
  Enable();
  driver_.Add({{kData, 1}, {kData, 1, true}, {kData, 1}});
  EXPECT_EQ(Failure(), VirtqueueError::kReadableAfterWritable);
}

TEST(VirtqueueTotal, ChainAboveFourGigabytes) {
  // The region claims more bytes than are there; none of them is touched.
  constexpr uint64_t kBytes = uint64_t{3} << 30;
  const TestRam ram;
  std::vector<std::byte> small(1 << 20);
  const GuestMemory memory({.start = 0, .bytes = ram.bytes(0, TestRam::kLowBytes)},
                           {.start = TestRam::kHighStart, .bytes = {small.data(), kBytes}});
  DriverQueue driver(ram, kRings, kSize);
  Virtqueue queue;
  ASSERT_EQ(queue.Enable(memory, kSize, 256, driver.rings(), false), VirtqueueError::kNone);
  driver.Add({{TestRam::kHighStart, kBytes}, {TestRam::kHighStart, kBytes, true}});
  VirtqueueChain chain;
  EXPECT_EQ(queue.Pop(chain), PopResult::kError);
  EXPECT_EQ(queue.error(), VirtqueueError::kHugeLength);
}

TEST(VirtqueueErrorText, DiffersForEveryError) {
  std::set<std::string> texts;
  for (int i = 0; i <= static_cast<int>(VirtqueueError::kBadRequest); ++i) {
    texts.insert(VirtqueueErrorText(static_cast<VirtqueueError>(i)));
  }
  EXPECT_EQ(texts.size(), static_cast<size_t>(VirtqueueError::kBadRequest) + 1);
  EXPECT_FALSE(texts.contains("unknown virtqueue error"));
}

}  // namespace
}  // namespace bulkhead
