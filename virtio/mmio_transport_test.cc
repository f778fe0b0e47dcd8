// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "virtio/mmio_transport.h"

#include <gtest/gtest.h>

#include <vector>

#include "virtio/rng.h"
#include "virtio/testing/driver_queue.h"
#include "virtio/testing/mmio_driver.h"

namespace bulkhead {
namespace {

using testing::CountingInterrupt;
using testing::DriverQueue;
using testing::MmioDriver;
using testing::TestRam;

class FixedEntropy final : public EntropySource {
 public:
  size_t Entropy(std::span<std::byte> out) override {
    for (std::byte& byte : out) byte = std::byte{0x5a};
    return available < out.size() ? available : out.size();
  }
  size_t available = ~size_t{0};
};

class MmioTransportTest : public ::testing::Test {
 protected:
  void Start(uint64_t features = kVirtioFeatureVersion1) {
    ASSERT_TRUE(driver_.Negotiate(features));
    ASSERT_TRUE(driver_.SetUpQueue(0, queue_));
    driver_.DriverOk();
  }

  TestRam ram_;
  FixedEntropy entropy_;
  RngDevice device_{entropy_};
  CountingInterrupt interrupt_;
  MmioTransport transport_{device_, ram_.memory(), interrupt_};
  MmioDriver driver_{transport_};
  DriverQueue queue_{ram_, 0x10000, 8};
};

TEST_F(MmioTransportTest, Identifies) {
  EXPECT_EQ(driver_.Get(kMmioMagicValue), 0x74726976U);
  EXPECT_EQ(driver_.Get(kMmioVersion), 2U);
  EXPECT_EQ(driver_.Get(kMmioDeviceId), 4U);
  EXPECT_EQ(driver_.OfferedFeatures(), kVirtioFeatureVersion1 | kVirtioFeatureEventIdx);
  driver_.Set(kMmioDeviceFeaturesSel, 2);
  EXPECT_EQ(driver_.Get(kMmioDeviceFeatures), 0U);
  EXPECT_EQ(driver_.Get(kMmioQueueSizeMax), 8U);
  driver_.Set(kMmioQueueSel, 1);
  EXPECT_EQ(driver_.Get(kMmioQueueSizeMax), 0U);
  EXPECT_EQ(driver_.Get(kMmioShmLenLow), ~0U);
}

TEST_F(MmioTransportTest, ServesAQueue) {
  Start();
  queue_.Add({{0x20000, 32, true}});
  driver_.Notify(0);
  EXPECT_EQ(queue_.used_index(), 1);
  EXPECT_EQ(queue_.used(0).length, 32U);
  EXPECT_EQ(ram_.text(0x20000, 32), std::string(32, 0x5a));
  EXPECT_EQ(interrupt_.count, 1);
  EXPECT_EQ(driver_.Get(kMmioInterruptStatus), kMmioInterruptUsedBuffer);
  driver_.Set(kMmioInterruptAck, kMmioInterruptUsedBuffer);
  EXPECT_EQ(driver_.Get(kMmioInterruptStatus), 0U);
  EXPECT_EQ(transport_.error(), VirtqueueError::kNone);
}

TEST_F(MmioTransportTest, BuffersFromBeforeDriverOkAreServed) {
  ASSERT_TRUE(driver_.Negotiate(kVirtioFeatureVersion1));
  ASSERT_TRUE(driver_.SetUpQueue(0, queue_));
  queue_.Add({{0x20000, 32, true}});
  driver_.Notify(0);
  EXPECT_EQ(queue_.used_index(), 0) << "a device does nothing before DRIVER_OK";
  driver_.DriverOk();
  EXPECT_EQ(queue_.used_index(), 1);
}

TEST_F(MmioTransportTest, RefusesFeatures) {
  EXPECT_FALSE(driver_.Negotiate(0)) << "VERSION_1 is required";
  EXPECT_FALSE(driver_.Negotiate(kVirtioFeatureVersion1 | 1)) << "not offered";
  EXPECT_FALSE(driver_.Negotiate(kVirtioFeatureVersion1 | uint64_t{1} << 63));
  driver_.Set(kMmioStatus, 0);
  driver_.Set(kMmioDriverFeaturesSel, 7);
  driver_.Set(kMmioDriverFeatures, 1);
  driver_.Set(kMmioDriverFeaturesSel, 1);
  driver_.Set(kMmioDriverFeatures, 1);
  driver_.AddStatus(kVirtioStatusDriver | kVirtioStatusFeaturesOk);
  EXPECT_EQ(driver_.Get(kMmioStatus), kVirtioStatusDriver) << "a feature above bit 63";
  EXPECT_TRUE(driver_.Negotiate(kVirtioFeatureVersion1)) << "a reset forgets";
}

TEST_F(MmioTransportTest, StatusMovesForwardOnly) {
  driver_.Set(kMmioStatus, kVirtioStatusDriverOk | kVirtioStatusNeedsReset);
  EXPECT_EQ(driver_.Get(kMmioStatus), 0U) << "DRIVER_OK needs FEATURES_OK";
  EXPECT_FALSE(device_.active());
  Start();
  driver_.Set(kMmioStatus, kVirtioStatusAcknowledge);
  EXPECT_EQ(driver_.Get(kMmioStatus), 15U);
  driver_.Set(kMmioStatus, 0x100 | kVirtioStatusFailed);
  EXPECT_EQ(driver_.Get(kMmioStatus), 15U | kVirtioStatusFailed);
  driver_.Set(kMmioStatus, 0);
  EXPECT_EQ(driver_.Get(kMmioStatus), 0U);
  EXPECT_FALSE(device_.active());
  EXPECT_EQ(driver_.Get(kMmioQueueReady), 0U);
}

TEST_F(MmioTransportTest, FeaturesAreFixedAfterFeaturesOk) {
  ASSERT_TRUE(driver_.Negotiate(kVirtioFeatureVersion1));
  driver_.Set(kMmioDriverFeaturesSel, 0);
  driver_.Set(kMmioDriverFeatures, static_cast<uint32_t>(kVirtioFeatureEventIdx));
  ASSERT_TRUE(driver_.SetUpQueue(0, queue_));
  driver_.DriverOk();
  queue_.SetUsedEvent(100);  // would suppress the interrupt
  queue_.Add({{0x20000, 32, true}});
  driver_.Notify(0);
  EXPECT_EQ(interrupt_.count, 1);
}

TEST_F(MmioTransportTest, QueueNeedsFeaturesOk) {
  EXPECT_FALSE(driver_.SetUpQueue(0, queue_));
  EXPECT_EQ(transport_.error(), VirtqueueError::kNone);
}

TEST_F(MmioTransportTest, ReadyQueueIsNotMovedNorStopped) {
  Start();
  driver_.SetAddress(kMmioQueueDescLow, static_cast<GuestPhysical>(0xdead0000));
  driver_.Set(kMmioQueueSize, 4);
  driver_.Set(kMmioQueueReady, 0);
  EXPECT_EQ(driver_.Get(kMmioQueueReady), 1U);
  queue_.Add({{0x20000, 32, true}});
  driver_.Notify(0);
  EXPECT_EQ(queue_.used_index(), 1);
}

TEST_F(MmioTransportTest, MalformedRingsAreAnError) {
  for (const auto& [reg, value, error] :
       std::vector<std::tuple<uint32_t, uint32_t, VirtqueueError>>{
           {kMmioQueueSize, 7, VirtqueueError::kBadSize},
           {kMmioQueueSize, 16, VirtqueueError::kBadSize},
           {kMmioQueueSize, 0x10008, VirtqueueError::kBadSize},
           {kMmioQueueDescLow, 8, VirtqueueError::kRingUnaligned},
           {kMmioQueueDeviceHigh, 0xffffffff, VirtqueueError::kRingOutsideMemory}}) {
    ASSERT_TRUE(driver_.Negotiate(kVirtioFeatureVersion1));
    driver_.Set(kMmioQueueSel, 0);
    driver_.Set(kMmioQueueSize, 8);
    driver_.Set(reg, value);
    driver_.Set(kMmioQueueReady, 1);
    EXPECT_EQ(driver_.Get(kMmioQueueReady), 0U);
    EXPECT_EQ(transport_.error(), error);
  }
}

TEST_F(MmioTransportTest, QueueErrorStopsTheDevice) {
  Start();
  queue_.Offer(99);
  driver_.Notify(0);
  EXPECT_EQ(transport_.error(), VirtqueueError::kHeadOutOfRange);
  EXPECT_EQ(interrupt_.count, 0);
  driver_.Notify(0);
  EXPECT_FALSE(transport_.pending());
}

TEST_F(MmioTransportTest, MisuseIsIgnored) {
  driver_.Notify(0);  // not ready
  driver_.Notify(1);
  driver_.Notify(0xffffffff);
  driver_.Set(kMmioQueueSel, 0xffffffff);
  driver_.Set(kMmioQueueSize, 8);
  driver_.Set(kMmioQueueReady, 1);
  EXPECT_EQ(driver_.Get(kMmioQueueReady), 0U);
  for (uint32_t offset = 0; offset < kMmioConfig; ++offset) {
    for (const uint32_t width : {0U, 1U, 2U, 3U, 8U, 16U}) {
      EXPECT_EQ(transport_.Read(offset, width), 0U) << offset;
      transport_.Write(offset, width, ~uint64_t{0});
    }
    if (offset % 4 != 0) EXPECT_EQ(transport_.Read(offset, 4), 0U) << offset;
  }
  EXPECT_EQ(transport_.Read(kMmioWindowSize, 4), 0U);
  EXPECT_EQ(transport_.Read(0xffffffff, 4), 0U);
  transport_.Write(0xffffffff, 8, 1);
  EXPECT_EQ(driver_.Get(kMmioStatus), 0U);
  EXPECT_EQ(transport_.error(), VirtqueueError::kNone);
}

TEST_F(MmioTransportTest, EntropyThatComesLater) {
  Start(kVirtioFeatureVersion1 | kVirtioFeatureEventIdx);
  entropy_.available = 0;
  queue_.Add({{0x20000, 300, true}});
  driver_.Notify(0);
  EXPECT_EQ(queue_.used_index(), 0);
  EXPECT_FALSE(transport_.pending());
  entropy_.available = ~size_t{0};
  transport_.NotifyQueue(0);
  EXPECT_EQ(queue_.used_index(), 1);
  EXPECT_EQ(queue_.used(0).length, RngDevice::kBytesPerBuffer);
}

TEST_F(MmioTransportTest, RngBufferMustBeWritable) {
  Start();
  queue_.Add({{0x20000, 8}});
  driver_.Notify(0);
  EXPECT_EQ(transport_.error(), VirtqueueError::kBadRequest);
}

}  // namespace
}  // namespace bulkhead
