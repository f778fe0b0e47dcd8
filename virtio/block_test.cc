// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "virtio/block.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "virtio/testing/driver_queue.h"
#include "virtio/testing/mmio_driver.h"

namespace bulkhead {
namespace {

using testing::CountingInterrupt;
using testing::DriverQueue;
using testing::MmioDriver;
using testing::TestRam;

constexpr uint64_t kHeader = 0x20000;
constexpr uint64_t kStatus = 0x20100;
constexpr uint64_t kData = 0x30000;
constexpr size_t kImageBytes = 5 * 512 + 100;

std::vector<std::byte> MakeImage(size_t bytes) {
  std::vector<std::byte> image(bytes);
  for (size_t i = 0; i < bytes; ++i) image[i] = static_cast<std::byte>(i * 7 + i / 512 + 1);
  return image;
}

class BlockTest : public ::testing::Test {
 protected:
  explicit BlockTest(size_t image_bytes = kImageBytes) : image_(MakeImage(image_bytes)) {}

  void SetUp() override {
    ASSERT_TRUE(driver_.Negotiate(driver_.OfferedFeatures() & ~kVirtioFeatureEventIdx));
    ASSERT_TRUE(driver_.SetUpQueue(0, queue_));
    driver_.DriverOk();
  }
  void PutHeader(BlockRequestType type, uint64_t sector) {
    ram_.PutValue(kHeader, BlockRequestHeader{.type = type, .reserved = 0, .sector = sector});
    ram_.PutValue(kStatus, uint8_t{0xff});
  }
  BlockStatus Status() const { return static_cast<BlockStatus>(ram_.bytes(kStatus, 1)[0]); }
  // Makes one request with `length` bytes of data for the device to write.
  BlockStatus Request(BlockRequestType type, uint64_t sector, uint32_t length) {
    PutHeader(type, sector);
    const uint16_t before = queue_.used_index();
    if (length > 0) {
      queue_.Add({{kHeader, 16}, {kData, length, true}, {kStatus, 1, true}});
    } else {
      queue_.Add({{kHeader, 16}, {kStatus, 1, true}});
    }
    driver_.Notify(0);
    EXPECT_EQ(queue_.used_index(), static_cast<uint16_t>(before + 1));
    return Status();
  }
  uint32_t UsedLength() const {
    return queue_.used(static_cast<uint16_t>(queue_.used_index() - 1)).length;
  }
  std::string ImageText(size_t start, size_t length) const {
    std::string text(length, '\0');
    if (start < image_.size()) {
      std::memcpy(text.data(), image_.data() + start, std::min(length, image_.size() - start));
    }
    return text;
  }

  TestRam ram_;
  std::vector<std::byte> image_;
  BlockDevice device_{image_, "bulkhead-root"};
  CountingInterrupt interrupt_;
  MmioTransport transport_{device_, ram_.memory(), interrupt_};
  MmioDriver driver_{transport_};
  DriverQueue queue_{ram_, 0x10000, 128};
};

TEST_F(BlockTest, Configuration) {
  EXPECT_EQ(transport_.Read(kMmioConfig, 8), 6U);
  EXPECT_EQ(driver_.Get(kMmioConfig), 6U);
  EXPECT_EQ(driver_.Get(kMmioConfig + 4), 0U);
  EXPECT_EQ(driver_.Get(kMmioConfig + 8), BlockDevice::kSizeMax);
  EXPECT_EQ(driver_.Get(kMmioConfig + 12), 126U);
  EXPECT_EQ(transport_.Read(kMmioConfig + 20, 2), 512U);
  EXPECT_EQ(transport_.Read(kMmioConfig + 24, 8), 0U);
  EXPECT_EQ(transport_.Read(kMmioConfig + 0xefc, 4), 0U);
  EXPECT_NE(driver_.OfferedFeatures() & kBlockFeatureReadOnly, 0U);
}

TEST_F(BlockTest, Reads) {
  EXPECT_EQ(Request(BlockRequestType::kIn, 1, 1024), BlockStatus::kOk);
  EXPECT_EQ(UsedLength(), 1025U);
  EXPECT_EQ(ram_.text(kData, 1024), ImageText(512, 1024));
  EXPECT_EQ(interrupt_.count, 1);
}

TEST_F(BlockTest, TailIsZero) {
  std::ranges::fill(ram_.bytes(kData, 1024), std::byte{0xee});
  EXPECT_EQ(Request(BlockRequestType::kIn, 4, 1024), BlockStatus::kOk);
  EXPECT_EQ(ram_.text(kData, 1024), ImageText(2048, 1024));
}

TEST_F(BlockTest, HowABufferIsCutMeansNothing) {
  PutHeader(BlockRequestType::kIn, 2);
  queue_.Add({{kHeader, 3},
              {kHeader + 3, 13},
              {kData, 1, true},
              {kData + 1, 510, true},
              {kData + 511, 2, true}});  // the status is the second byte of the last segment
  driver_.Notify(0);
  ASSERT_EQ(queue_.used_index(), 1);
  EXPECT_EQ(ram_.text(kData, 512), ImageText(1024, 512));
  EXPECT_EQ(ram_.bytes(kData + 512, 1)[0], std::byte{0});
}

TEST_F(BlockTest, OutOfRangeIsAnIoError) {
  for (const uint64_t sector :
       {uint64_t{6}, uint64_t{7}, ~uint64_t{0}, ~uint64_t{0} / 512, uint64_t{1} << 55}) {
    EXPECT_EQ(Request(BlockRequestType::kIn, sector, 512), BlockStatus::kIoError) << sector;
  }
  EXPECT_EQ(Request(BlockRequestType::kIn, 5, 1024), BlockStatus::kIoError);
  EXPECT_EQ(Request(BlockRequestType::kIn, 0, 513), BlockStatus::kIoError);
  EXPECT_EQ(UsedLength(), 0U);
  EXPECT_EQ(Request(BlockRequestType::kIn, 5, 512), BlockStatus::kOk);
  EXPECT_EQ(transport_.error(), VirtqueueError::kNone);
}

TEST_F(BlockTest, WritesAreRefused) {
  const std::vector<std::byte> before = image_;
  PutHeader(BlockRequestType::kOut, 0);
  queue_.Add({{kHeader, 16}, {kData, 512}, {kStatus, 1, true}});
  driver_.Notify(0);
  EXPECT_EQ(Status(), BlockStatus::kIoError);
  EXPECT_EQ(image_, before);
}

TEST_F(BlockTest, OtherRequests) {
  EXPECT_EQ(Request(BlockRequestType::kFlush, 0, 0), BlockStatus::kOk);
  EXPECT_EQ(Request(BlockRequestType::kGetId, 0, 20), BlockStatus::kOk);
  EXPECT_EQ(ram_.text(kData, 20), std::string("bulkhead-root") + std::string(7, '\0'));
  EXPECT_EQ(Request(BlockRequestType::kGetId, 0, 4), BlockStatus::kOk);
  EXPECT_EQ(UsedLength(), 5U);
  EXPECT_EQ(Request(static_cast<BlockRequestType>(11), 0, 0), BlockStatus::kUnsupported);
  EXPECT_EQ(UsedLength(), 1U);
}

TEST_F(BlockTest, RequestWithoutHeader) {
  queue_.Add({{kHeader, 15}, {kStatus, 1, true}});
  driver_.Notify(0);
  EXPECT_EQ(transport_.error(), VirtqueueError::kBadRequest);
}

TEST_F(BlockTest, RequestWithoutStatus) {
  PutHeader(BlockRequestType::kFlush, 0);
  queue_.Add({{kHeader, 16}});
  driver_.Notify(0);
  EXPECT_EQ(transport_.error(), VirtqueueError::kBadRequest);
}

class BigBlockTest : public BlockTest {
 protected:
  BigBlockTest() : BlockTest(size_t{12} << 20) {}
};

TEST_F(BigBlockTest, RequestTooLong) {
  EXPECT_EQ(Request(BlockRequestType::kIn, 0, 512 << 10), BlockStatus::kOk);
  // 126 segments of the same 128 KiB: 15.75 MiB.
  PutHeader(BlockRequestType::kIn, 0);
  std::vector<DriverQueue::Buffer> buffers = {{kHeader, 16}};
  buffers.resize(127, {kData, 68 << 10, true});
  buffers.push_back({kStatus, 1, true});
  queue_.Add(buffers);
  driver_.Notify(0);
  EXPECT_EQ(Status(), BlockStatus::kIoError);
}

TEST_F(BigBlockTest, WorkPerTurnIsBounded) {
  PutHeader(BlockRequestType::kIn, 0);
  for (int i = 0; i < 4; ++i) {
    queue_.Add({{kHeader, 16}, {kData, 512 << 10, true}, {kStatus, 1, true}});
  }
  driver_.Notify(0);
  EXPECT_EQ(queue_.used_index(), 2);
  EXPECT_TRUE(transport_.pending());
  transport_.RunPending();
  EXPECT_EQ(queue_.used_index(), 4);
  if (transport_.pending()) transport_.RunPending();
  EXPECT_FALSE(transport_.pending());
}

}  // namespace
}  // namespace bulkhead
