// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "vmm/byte_ring.h"

#include <gtest/gtest.h>

#include <array>
#include <random>
#include <string>
#include <vector>

namespace bulkhead {
namespace {

class ByteRingTest : public ::testing::Test {
 protected:
  static constexpr size_t kData = 256;

  static std::span<const std::byte> Bytes(std::string_view text) {
    return std::as_bytes(std::span(text));
  }
  std::string ReadAll() {
    bool sane = true;
    std::string text(reader_.available(&sane), 0);
    EXPECT_TRUE(sane);
    reader_.Read(std::as_writable_bytes(std::span(text)));
    return text;
  }
  ByteRingHeader& header() { return *reinterpret_cast<ByteRingHeader*>(memory_.data()); }

  alignas(64) std::array<std::byte, sizeof(ByteRingHeader) + kData> memory_ = {};
  ByteRingWriter writer_{memory_};
  ByteRingReader reader_{memory_};
};

TEST_F(ByteRingTest, NothingIsVisibleBeforePublish) {
  writer_.Write(Bytes("abc"));
  EXPECT_EQ(ReadAll(), "");
  writer_.Publish();
  EXPECT_EQ(ReadAll(), "abc");
}

TEST_F(ByteRingTest, PeekDoesNotConsume) {
  writer_.Write(Bytes("abcdef"));
  writer_.Publish();
  std::string text(3, 0);
  reader_.Peek(std::as_writable_bytes(std::span(text)));
  EXPECT_EQ(text, "abc");
  reader_.Consume(2);
  EXPECT_EQ(ReadAll(), "cdef");
}

TEST_F(ByteRingTest, KeepsEveryByteInOrderAroundTheEnd) {
  std::mt19937 random(1);
  std::string sent;
  std::string received;
  for (int i = 0; i < 5000; ++i) {
    std::string piece(random() % (writer_.room() + 1), 0);
    for (char& c : piece) c = static_cast<char>(random());
    writer_.Write(Bytes(piece));
    writer_.Publish();
    sent += piece;
    bool sane = true;
    std::string got(random() % (reader_.available(&sane) + 1), 0);
    reader_.Read(std::as_writable_bytes(std::span(got)));
    received += got;
  }
  received += ReadAll();
  EXPECT_TRUE(sent == received);
}

TEST_F(ByteRingTest, FullIsFullAndEmptyIsEmpty) {
  EXPECT_EQ(writer_.room(), kData);
  writer_.Write(Bytes(std::string(kData, 'x')));
  writer_.Publish();
  EXPECT_EQ(writer_.room(), 0u);
  EXPECT_EQ(ReadAll().size(), kData);
  EXPECT_EQ(writer_.room(), kData);
}

TEST_F(ByteRingTest, AWriterThatLiesIsSeen) {
  header().written = kData + 1;
  bool sane = true;
  EXPECT_EQ(reader_.available(&sane), 0u);
  EXPECT_FALSE(sane);
  header().written = ~uint32_t{0};
  EXPECT_EQ(reader_.available(&sane), 0u);
  EXPECT_FALSE(sane);
}

TEST_F(ByteRingTest, AReaderThatLiesGetsNothing) {
  writer_.Write(Bytes("abc"));
  writer_.Publish();
  header().read = 100;  // more than was ever written
  EXPECT_EQ(writer_.room(), 0u);
  header().read = static_cast<uint32_t>(3 - kData - 1);  // so long ago that the ring would overflow
  EXPECT_EQ(writer_.room(), 0u);
}

TEST_F(ByteRingTest, IndexesMayWrap) {
  header().written = ~uint32_t{0};
  header().read = ~uint32_t{0};
  // Writer and reader begin at zero: fresh ones on old memory see what cannot be.
  bool sane = true;
  EXPECT_EQ(ByteRingReader(memory_).available(&sane), 0u);
  EXPECT_FALSE(sane);
}

}  // namespace
}  // namespace bulkhead
