// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "virtio/balloon.h"

#include <gtest/gtest.h>

#include <cstring>
#include <ostream>
#include <vector>

#include "virtio/testing/driver_queue.h"
#include "virtio/testing/mmio_driver.h"

namespace bulkhead {
namespace {

using testing::CountingInterrupt;
using testing::DriverQueue;
using testing::MmioDriver;
using testing::TestRam;

constexpr uint64_t kPage = kBalloonPageSize;
constexpr uint64_t kData = 0x40000;
constexpr uint64_t kRoom = 0x80000;  // where nothing else is
constexpr uint64_t kAll =
    kVirtioFeatureVersion1 | kBalloonFeatureStats | kBalloonFeaturePageReporting;

struct Range {
  uint64_t address;
  uint64_t length;
  bool operator==(const Range&) const = default;
};
void PrintTo(const Range& range, std::ostream* out) {
  *out << std::hex << range.address << " + " << range.length;
}

class RecordingBackend final : public BalloonBackend {
 public:
  explicit RecordingBackend(const TestRam& ram) : base_(ram.bytes(0, 1).data()) {}
  void Discard(std::span<std::byte> pages) override {
    discarded.push_back({static_cast<uint64_t>(pages.data() - base_), pages.size()});
  }
  std::vector<Range> discarded;

 private:
  const std::byte* base_;
};

class BalloonTest : public ::testing::Test {
 protected:
  void Start(uint64_t features) {
    ASSERT_TRUE(driver_.Negotiate(features));
    for (uint32_t i = 0; i < queues_.size(); ++i) ASSERT_TRUE(driver_.SetUpQueue(i, queues_[i]));
    driver_.DriverOk();
  }
  void PutPageNumbers(const std::vector<uint32_t>& numbers) {
    std::memcpy(ram_.bytes(kData, numbers.size() * 4).data(), numbers.data(), numbers.size() * 4);
  }
  void Offer(uint16_t queue, std::initializer_list<DriverQueue::Buffer> buffers) {
    queues_[queue].Add(buffers);
    driver_.Notify(queue);
  }
  void OfferStats(std::initializer_list<BalloonStat> stats) {
    uint64_t at = kData;
    for (const BalloonStat& stat : stats) {
      ram_.PutValue(at, stat);
      at += sizeof(stat);
    }
    Offer(2, {{kData, static_cast<uint32_t>(at - kData)}});
  }

  TestRam ram_;
  RecordingBackend backend_{ram_};
  BalloonDevice device_{ram_.memory(), backend_};
  CountingInterrupt interrupt_;
  MmioTransport transport_{device_, ram_.memory(), interrupt_};
  MmioDriver driver_{transport_};
  std::vector<DriverQueue> queues_ = {{ram_, 0x0000, 32},
                                      {ram_, 0x4000, 32},
                                      {ram_, 0x8000, 32},
                                      {ram_, 0xc000, 32},
                                      {ram_, 0x10000, 32}};
};

TEST_F(BalloonTest, OffersWhatItDoes) {
  EXPECT_EQ(driver_.Get(kMmioDeviceId), 5u);
  EXPECT_EQ(driver_.OfferedFeatures() & 0x3f, 1u << 1 | 1u << 2 | 1u << 5);
}

TEST_F(BalloonTest, ReportedPagesAreDiscarded) {
  Start(kAll);
  Offer(3, {{kRoom, 4 * kPage, true}, {kRoom + 8 * kPage, kPage, true}});
  EXPECT_EQ(backend_.discarded,
            (std::vector<Range>{{kRoom, 4 * kPage}, {kRoom + 8 * kPage, kPage}}));
  EXPECT_EQ(queues_[3].used_index(), 1);
  EXPECT_EQ(interrupt_.count, 1);
}

TEST_F(BalloonTest, OnlyWholePagesAreDiscarded) {
  Start(kAll);
  Offer(3, {{kRoom + 1, 3 * kPage, true}});
  EXPECT_EQ(backend_.discarded, (std::vector<Range>{{kRoom + kPage, 2 * kPage}}));
  backend_.discarded.clear();
  Offer(3, {{kRoom + 1, kPage, true}, {kRoom + kPage, kPage - 1, true}, {kRoom, 1, true}});
  EXPECT_TRUE(backend_.discarded.empty());
  EXPECT_EQ(queues_[3].used_index(), 2) << "the buffers come back nevertheless";
}

TEST_F(BalloonTest, WhatADriverMayReadIsNotDiscarded) {
  Start(kAll);
  Offer(3, {{kRoom, 4 * kPage}});
  EXPECT_TRUE(backend_.discarded.empty());
  EXPECT_EQ(queues_[3].used_index(), 1);
}

// By the letter of 5.5.2.
TEST_F(BalloonTest, ReportsComeInQueueFour) {
  Start(kAll);
  Offer(4, {{kRoom, kPage, true}});
  EXPECT_EQ(backend_.discarded, (std::vector<Range>{{kRoom, kPage}}));
}

TEST_F(BalloonTest, ReportsComeInQueueTwoWithoutStatistics) {
  Start(kVirtioFeatureVersion1 | kBalloonFeaturePageReporting);
  Offer(2, {{kRoom, kPage, true}});
  EXPECT_EQ(backend_.discarded, (std::vector<Range>{{kRoom, kPage}}));
  EXPECT_FALSE(device_.RequestStats());
}

TEST_F(BalloonTest, WithoutTheFeatureNothingIsDiscardedForReports) {
  Start(kVirtioFeatureVersion1 | kBalloonFeatureStats);
  Offer(3, {{kRoom, kPage, true}});
  EXPECT_TRUE(backend_.discarded.empty());
}

TEST_F(BalloonTest, InflatedPagesAreDiscardedDeflatedAreNot) {
  Start(kAll);
  PutPageNumbers({0x80, 0x82});
  Offer(0, {{kData, 8}});
  EXPECT_EQ(backend_.discarded, (std::vector<Range>{{0x80000, kPage}, {0x82000, kPage}}));
  EXPECT_EQ(queues_[0].used_index(), 1);
  backend_.discarded.clear();
  Offer(1, {{kData, 8}});
  EXPECT_TRUE(backend_.discarded.empty());
  EXPECT_EQ(queues_[1].used_index(), 1);
}

TEST_F(BalloonTest, PageNumbersInPieces) {
  Start(kAll);
  PutPageNumbers({0x80, 0x81});
  Offer(0, {{kData, 3}, {kData + 3, 5}});
  EXPECT_EQ(backend_.discarded, (std::vector<Range>{{0x80000, kPage}, {0x81000, kPage}}));
}

TEST_F(BalloonTest, PagesOutsideMemoryBreakTheDevice) {
  Start(kAll);
  PutPageNumbers({0x80, TestRam::kLowBytes / kPage, 0x81});
  Offer(0, {{kData, 12}});
  EXPECT_EQ(backend_.discarded, (std::vector<Range>{{0x80000, kPage}}));
  EXPECT_EQ(device_.error(), VirtqueueError::kBadRequest);
  EXPECT_EQ(queues_[0].used_index(), 0);
}

TEST_F(BalloonTest, TooManyPageNumbersBreakTheDevice) {
  Start(kAll);
  PutPageNumbers(std::vector<uint32_t>(BalloonDevice::kMaxPageNumbers, 0x80));
  Offer(0, {{kData, 4 * BalloonDevice::kMaxPageNumbers}});
  EXPECT_EQ(backend_.discarded.size(), BalloonDevice::kMaxPageNumbers);
  Offer(0, {{kData, 4 * BalloonDevice::kMaxPageNumbers + 4}});
  EXPECT_EQ(device_.error(), VirtqueueError::kBadRequest);
  EXPECT_EQ(backend_.discarded.size(), BalloonDevice::kMaxPageNumbers);
}

TEST_F(BalloonTest, StatsAreKeptUntilNewOnesAreWanted) {
  Start(kAll);
  EXPECT_FALSE(device_.RequestStats()) << "the driver has not given a buffer";
  OfferStats({{kBalloonStatFree, 1000}, {0x1234, 5}, {kBalloonStatTotal, 3000}});
  EXPECT_EQ(device_.stats().free, 1000u);
  EXPECT_EQ(device_.stats().total, 3000u);
  EXPECT_EQ(device_.stats().available, 0u);
  EXPECT_EQ(queues_[2].used_index(), 0);
  EXPECT_TRUE(device_.RequestStats());
  EXPECT_EQ(queues_[2].used_index(), 1);
  EXPECT_EQ(interrupt_.count, 1);
  EXPECT_FALSE(device_.RequestStats()) << "not answered yet";
  OfferStats({{kBalloonStatFree, 900}, {kBalloonStatAvailable, 950}, {kBalloonStatCaches, 7}});
  EXPECT_EQ(device_.stats().free, 900u);
  EXPECT_EQ(device_.stats().available, 950u);
  EXPECT_EQ(device_.stats().caches, 7u);
}

TEST_F(BalloonTest, MoreStatsThanOneBufferComeBack) {
  Start(kAll);
  OfferStats({{kBalloonStatFree, 1}});
  OfferStats({{kBalloonStatFree, 2}});
  EXPECT_EQ(device_.stats().free, 2u);
  EXPECT_EQ(queues_[2].used_index(), 1);
}

TEST_F(BalloonTest, ResetForgetsStats) {
  Start(kAll);
  OfferStats({{kBalloonStatFree, 1}});
  driver_.Set(kMmioStatus, 0);
  EXPECT_EQ(device_.stats().free, 0u);
  EXPECT_FALSE(device_.RequestStats());
}

TEST_F(BalloonTest, WantsNoPages) {
  Start(kAll);
  EXPECT_EQ(driver_.Get(kMmioConfig), 0u);
  driver_.Set(kMmioConfig, 77);
  EXPECT_EQ(driver_.Get(kMmioConfig), 0u);
  driver_.Set(kMmioConfig + 4, 77);
  EXPECT_EQ(driver_.Get(kMmioConfig + 4), 77u);
}

}  // namespace
}  // namespace bulkhead
