// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "vmm/x86_64/guest_page_walk.h"

#include <vector>

#include "gtest/gtest.h"

namespace bulkhead {
namespace {

using Outcome = Translation::Outcome;

constexpr uint64_t kP = 1, kW = 2, kU = 4, kA = 0x20, kD = 0x40, kPs = 0x80;
constexpr uint64_t kNx = uint64_t{1} << 63;

class GuestPageWalkTest : public testing::Test {
 protected:
  GuestPageWalkTest() : bytes_(1 << 20), memory_({0, bytes_}) {}

  void Put(uint64_t at, uint64_t value) { ASSERT_TRUE(memory_.Write(GuestPhysical{at}, value)); }
  void Put32(uint64_t at, uint32_t value) { ASSERT_TRUE(memory_.Write(GuestPhysical{at}, value)); }
  uint64_t Get(uint64_t at) { return *memory_.Read<uint64_t>(GuestPhysical{at}); }
  Translation Go(uint64_t linear, LinearAccess access = LinearAccess::kRead) {
    return TranslateLinear(paging_, memory_, linear, access);
  }
  void ExpectAt(uint64_t linear, uint64_t physical) {
    const Translation t = Go(linear);
    EXPECT_EQ(t.outcome, Outcome::kOk);
    EXPECT_EQ(Raw(t.address), physical);
  }
  void ExpectFault(uint64_t linear, LinearAccess access, uint32_t error) {
    const Translation t = Go(linear, access);
    EXPECT_EQ(t.outcome, Outcome::kPageFault);
    EXPECT_EQ(t.error_code, error);
  }
  // 4-level: tables at 0x1000 to 0x4000 map linear 0x8080604abc: indexes 1, 2, 3, 4.
  void FourLevel(uint64_t leaf) {
    paging_ = {.cr0 = kCr0Pg | kCr0Pe | kCr0Wp,
               .cr3 = 0x1000,
               .cr4 = kCr4Pae,
               .efer = kEferLma | kEferNxe};
    Put(0x1008, 0x2000 | kP | kW | kU);
    Put(0x2010, 0x3000 | kP | kW | kU);
    Put(0x3018, 0x4000 | kP | kW | kU);
    Put(0x4020, leaf);
  }
  static constexpr uint64_t kLinear =
      (1ull << 39) + (2ull << 30) + (3ull << 21) + (4 << 12) + 0xabc;

  std::vector<std::byte> bytes_;
  GuestMemory memory_;
  PagingState paging_;
};

TEST_F(GuestPageWalkTest, NoPaging) {
  ExpectAt(0x12345678, 0x12345678);
  ExpectAt(0x1'12345678, 0x12345678);  // addresses have 32 bits outside long mode
}

TEST_F(GuestPageWalkTest, FourLevelPages) {
  FourLevel(0xdead'000 | kP | kW | kU);
  ExpectAt(kLinear, 0xdead'abc);
  Put(0x3018, 0x40000000 | kP | kPs);  // 2 MiB; bits below its size are not address
  ExpectAt(kLinear, 0x40000000 + (4 << 12) + 0xabc);
  Put(0x2010, 0x80000000 | kP | kPs);  // 1 GiB
  ExpectAt(kLinear, 0x80000000 + (3 << 21) + (4 << 12) + 0xabc);
  Put(0x1008, 0);
  ExpectFault(kLinear, LinearAccess::kRead, 0);
}

TEST_F(GuestPageWalkTest, Canonical) {
  FourLevel(0x5000 | kP);
  EXPECT_EQ(Go(0x0000'8000'0000'0000).outcome, Outcome::kNonCanonical);
  EXPECT_EQ(Go(0xffff'7fff'ffff'ffff).outcome, Outcome::kNonCanonical);
  EXPECT_EQ(Go(0xffff'8000'0000'0000).outcome, Outcome::kPageFault);
}

TEST_F(GuestPageWalkTest, FiveLevelIsNotOffered) {
  FourLevel(0x5000 | kP);
  paging_.cr4 |= kCr4La57;
  EXPECT_EQ(Go(kLinear).outcome, Outcome::kNoTable);
}

TEST_F(GuestPageWalkTest, TableOutsideMemory) {
  FourLevel(0x5000 | kP);
  Put(0x2010, 0xfff'ffff'f000 | kP);
  EXPECT_EQ(Go(kLinear).outcome, Outcome::kNoTable);
  paging_.cr3 = ~0ull;
  EXPECT_EQ(Go(kLinear).outcome, Outcome::kNoTable);
}

TEST_F(GuestPageWalkTest, TableThatPointsToItself) {
  FourLevel(0);
  for (uint64_t at = 0x1000; at < 0x2000; at += 8) Put(at, 0x1000 | kP | kW | kU);
  ExpectAt(0x7fff'ffff'f123, 0x1123);
}

TEST_F(GuestPageWalkTest, Permissions) {
  FourLevel(0x5000 | kP | kNx);  // supervisor, read-only, no-execute
  EXPECT_TRUE(Go(kLinear).ok());
  ExpectFault(kLinear, LinearAccess::kWrite, 3);
  ExpectFault(kLinear, LinearAccess::kFetch, 0x11);
  paging_.cr0 &= ~kCr0Wp;
  EXPECT_TRUE(Go(kLinear, LinearAccess::kWrite).ok());
  paging_.cpl = 3;
  ExpectFault(kLinear, LinearAccess::kRead, 5);
  Put(0x4020, 0x5000 | kP | kU);
  EXPECT_TRUE(Go(kLinear).ok());
  ExpectFault(kLinear, LinearAccess::kWrite, 7);
  paging_.cpl = 0;
  paging_.cr4 |= kCr4Smap | kCr4Smep;
  ExpectFault(kLinear, LinearAccess::kRead, 1);
  ExpectFault(kLinear, LinearAccess::kFetch, 0x11);
  paging_.rflags = kFlagAlignmentCheck;
  EXPECT_TRUE(Go(kLinear).ok());
  Put(0x1008, 0x2000 | kP);  // one supervisor table on the way is enough
  paging_.rflags = 0;
  EXPECT_TRUE(Go(kLinear).ok());
}

TEST_F(GuestPageWalkTest, AccessedAndDirty) {
  FourLevel(0x5000 | kP | kW);
  EXPECT_TRUE(Go(kLinear, LinearAccess::kFetch).ok());
  EXPECT_EQ(Get(0x4020), 0x5000 | kP | kW);
  EXPECT_TRUE(Go(kLinear).ok());
  EXPECT_EQ(Get(0x4020), 0x5000 | kP | kW | kA);
  EXPECT_EQ(Get(0x1008) & (kA | kD), kA);
  EXPECT_TRUE(Go(kLinear, LinearAccess::kWrite).ok());
  EXPECT_EQ(Get(0x4020), 0x5000 | kP | kW | kA | kD);
  EXPECT_EQ(Get(0x3018) & (kA | kD), kA);
}

TEST_F(GuestPageWalkTest, Pae) {
  paging_ = {.cr0 = kCr0Pg | kCr0Pe, .cr3 = 0x1020, .cr4 = kCr4Pae};
  Put(0x1020 + 8, 0x2000 | kP);  // linear bits 31:30 = 1
  Put(0x2000 + 8 * 2, 0x3000 | kP | kW);
  Put(0x3000 + 8 * 3, 0x1'2345'6000 | kP | kW);
  ExpectAt(0x40000000 + (2 << 21) + (3 << 12) + 7, 0x1'2345'6007);
  EXPECT_EQ(Get(0x1028), 0x2000 | kP);  // has no accessed bit
  Put(0x2010, 0x7'0020'0000 | kP | kPs);
  ExpectAt(0x40000000 + (2 << 21) + (3 << 12) + 7, 0x7'0020'3007);
}

TEST_F(GuestPageWalkTest, ThirtyTwoBit) {
  paging_ = {.cr0 = kCr0Pg | kCr0Pe, .cr3 = 0x1000, .cr4 = 0};
  Put32(0x1000 + 4 * 0x300, 0x2000 | kP | kW);
  Put32(0x2000 + 4 * 5, 0xfffff000 | kP | kW);
  ExpectAt(0xc0005123, 0xfffff123);
  Put32(0x1000 + 4 * 0x300, 0x00402000 | kP | kPs);  // without PSE the bit means nothing
  EXPECT_EQ(Go(0xc0005123).outcome, Outcome::kNoTable);
  paging_.cr4 = kCr4Pse;
  ExpectAt(0xc0005123, 0x1'0040'5123);  // bit 13 is address bit 32
}

TEST_F(GuestPageWalkTest, ReadAcrossPages) {
  FourLevel(0x5000 | kP);
  Put(0x4028, 0x9000 | kP);
  for (int i = 0; i < 16; ++i) bytes_[i < 8 ? 0x5ff8 + i : 0x9000 + i - 8] = std::byte(i);
  const uint64_t linear = (kLinear & ~0xfffull) + 0xff8;
  std::array<uint8_t, 16> out{};
  size_t count;
  EXPECT_TRUE(ReadLinear(paging_, memory_, linear, LinearAccess::kFetch, out, count).ok());
  EXPECT_EQ(count, 16u);
  for (int i = 0; i < 16; ++i) EXPECT_EQ(out[i], i);
  Put(0x4028, 0);
  Translation at = ReadLinear(paging_, memory_, linear, LinearAccess::kFetch, out, count);
  EXPECT_EQ(at.outcome, Outcome::kPageFault);
  EXPECT_EQ(at.linear, linear + 8);
  EXPECT_EQ(count, 8u);
  Put(0x4020, 0);
  at = ReadLinear(paging_, memory_, linear, LinearAccess::kFetch, out, count);
  EXPECT_EQ(at.outcome, Outcome::kPageFault);
  EXPECT_EQ(at.linear, linear);
  EXPECT_EQ(count, 0u);
}

TEST_F(GuestPageWalkTest, WriteIsAllOrNothing) {
  FourLevel(0x5000 | kP | kW);
  const uint64_t linear = (kLinear & ~0xfffull) + 0xffc;
  const std::array<uint8_t, 8> bytes = {1, 2, 3, 4, 5, 6, 7, 8};
  size_t count;
  const Translation at = WriteLinear(paging_, memory_, linear, bytes, count);
  EXPECT_EQ(at.outcome, Outcome::kPageFault);
  EXPECT_EQ(at.linear, linear + 4);
  EXPECT_EQ(count, 0u);
  EXPECT_EQ(bytes_[0x5ffc], std::byte{0});
  Put(0x4028, 0x9000 | kP | kW);
  EXPECT_TRUE(WriteLinear(paging_, memory_, linear, bytes, count).ok());
  EXPECT_EQ(count, 8u);
  EXPECT_EQ(bytes_[0x5fff], std::byte{4});
  EXPECT_EQ(bytes_[0x9000], std::byte{5});
}

}  // namespace
}  // namespace bulkhead
