// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "vmm/aarch64/mmio_access.h"

#include <gtest/gtest.h>

#include <array>
#include <string>

namespace bulkhead {
namespace {

constexpr uint64_t kIsv = 1 << 24;
constexpr uint64_t kSse = 1 << 21;
constexpr uint64_t kSf = 1 << 15;
constexpr uint64_t kWnr = 1 << 6;
constexpr uint64_t Size(uint64_t log2) { return log2 << 22; }
constexpr uint64_t Register(uint64_t number) { return number << 16; }

MmioAccess Decode(uint64_t iss) {
  MmioAccessError error;
  const auto access = DecodeMmio(uint64_t{0x24} << 26 | 1 << 25 | iss, error);
  EXPECT_TRUE(access.has_value()) << error.text;
  return access.value_or(MmioAccess{});
}

std::string Refusal(uint64_t iss) {
  MmioAccessError error;
  EXPECT_FALSE(DecodeMmio(uint64_t{0x24} << 26 | iss, error).has_value());
  return error.text == nullptr ? "" : error.text;
}

TEST(MmioAccess, Fields) {
  for (uint64_t log2 = 0; log2 < 4; ++log2) {
    const MmioAccess access = Decode(kIsv | Size(log2) | Register(17) | kWnr);
    EXPECT_EQ(access.width, 1 << log2);
    EXPECT_EQ(access.gpr, 17);
    EXPECT_TRUE(access.write);
  }
  EXPECT_FALSE(Decode(kIsv).write);
}

TEST(MmioAccess, LoadsExtendAsTheInstructionSays) {
  struct Case {
    uint64_t iss, value, want;
  };
  const Case cases[] = {
      {Size(0), 0x1280, 0x80},                                     // ldrb
      {Size(0) | kSse, 0x80, 0xffff'ff80},                         // ldrsb w
      {Size(0) | kSse | kSf, 0x80, 0xffff'ffff'ffff'ff80},         // ldrsb x
      {Size(0) | kSse | kSf, 0x7f, 0x7f},                          //
      {Size(1), 0x1'8000, 0x8000},                                 // ldrh
      {Size(1) | kSse, 0x8000, 0xffff'8000},                       // ldrsh w
      {Size(1) | kSse | kSf, 0x8000, 0xffff'ffff'ffff'8000},       // ldrsh x
      {Size(2), 0x1'8000'0000, 0x8000'0000},                       // ldr w
      {Size(2) | kSse | kSf, 0x8000'0000, 0xffff'ffff'8000'0000},  // ldrsw
      {Size(3) | kSf, 0x8000'0000'0000'0001, 0x8000'0000'0000'0001},
  };
  for (const Case& c : cases) {
    std::array<uint64_t, 31> gpr;
    gpr.fill(~uint64_t{0});
    FinishLoad(Decode(kIsv | Register(3) | c.iss), c.value, gpr);
    EXPECT_EQ(gpr[3], c.want) << std::hex << c.iss;
    EXPECT_EQ(gpr[2], ~uint64_t{0});
    EXPECT_EQ(gpr[4], ~uint64_t{0});
  }
}

TEST(MmioAccess, StoresAreAsWideAsTheInstruction) {
  std::array<uint64_t, 31> gpr = {};
  gpr[30] = 0x1122'3344'5566'7788;
  EXPECT_EQ(StoreValue(Decode(kIsv | kWnr | Size(0) | Register(30)), gpr), 0x88u);
  EXPECT_EQ(StoreValue(Decode(kIsv | kWnr | Size(1) | Register(30)), gpr), 0x7788u);
  EXPECT_EQ(StoreValue(Decode(kIsv | kWnr | Size(2) | Register(30)), gpr), 0x5566'7788u);
  EXPECT_EQ(StoreValue(Decode(kIsv | kWnr | Size(3) | Register(30)), gpr), 0x1122'3344'5566'7788u);
}

TEST(MmioAccess, ZeroRegister) {
  std::array<uint64_t, 31> gpr;
  gpr.fill(5);
  EXPECT_EQ(StoreValue(Decode(kIsv | kWnr | Size(3) | Register(31)), gpr), 0u);
  const auto before = gpr;
  FinishLoad(Decode(kIsv | Size(3) | Register(31)), 1, gpr);
  EXPECT_EQ(gpr, before);
}

TEST(MmioAccess, WhatCannotBeAnswered) {
  EXPECT_EQ(Refusal(Size(2)),
            "where there is no memory, by an instruction without a valid syndrome");
  EXPECT_EQ(Refusal(1 << 8 | kWnr), "where there is no memory, by cache maintenance");
  EXPECT_EQ(Refusal(kIsv | 1 << 7), "where a page table of the guest would lie");
}

}  // namespace
}  // namespace bulkhead
