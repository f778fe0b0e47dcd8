// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "vmm/x86_64/string_io.h"

#include <cstring>
#include <vector>

#include "gtest/gtest.h"

namespace bulkhead {
namespace {

using Kind = StringIoOutcome::Kind;
constexpr uint16_t kPort = 0x3f8;

class StringIoTest : public testing::Test {
 protected:
  StringIoTest() : bytes_(1 << 16), memory_({0, bytes_}) {
    cpu_.efer = kEferLma;
    cpu_.cs_long = true;
    cpu_.rip = 0x1000;
    cpu_.rflags = 2;
  }

  void Use16BitCode() {
    cpu_.efer = 0;
    cpu_.cs_long = false;
    cpu_.cs_default = false;
  }

  // Runs one exit of this instruction.
  StringIoOutcome Go(const std::vector<uint8_t>& code, const StringIo& io) {
    std::memcpy(&bytes_[0x1000], code.data(), code.size());
    const PortBus bus = {this,
                         [](void* context, uint16_t port, uint8_t) {
                           EXPECT_EQ(port, kPort);
                           ++static_cast<StringIoTest*>(context)->reads_;
                           return uint32_t{0x44332211};
                         },
                         [](void* context, uint16_t port, uint8_t, uint32_t value) {
                           EXPECT_EQ(port, kPort);
                           static_cast<StringIoTest*>(context)->written_.push_back(value);
                         }};
    return EmulateStringIo(cpu_, memory_, io, bus);
  }
  uint32_t At(size_t address) {
    uint32_t value;
    std::memcpy(&value, &bytes_[address], sizeof(value));
    return value;
  }

  std::vector<std::byte> bytes_;
  GuestMemory memory_;
  CpuState cpu_;
  int reads_ = 0;
  std::vector<uint32_t> written_;
};

TEST_F(StringIoTest, InEachWidth) {
  cpu_.gpr[kGprRdi] = 0x2000;
  EXPECT_EQ(Go({0x6c}, {kPort, 1, true, false}).kind, Kind::kDone);
  EXPECT_EQ(At(0x2000), 0x11u);
  EXPECT_EQ(cpu_.gpr[kGprRdi], 0x2001u);
  EXPECT_EQ(cpu_.rip, 0x1001u);
  cpu_.rip = 0x1000;
  EXPECT_EQ(Go({0x66, 0x6d}, {kPort, 2, true, false}).kind, Kind::kDone);
  EXPECT_EQ(At(0x2001), 0x2211u);
  EXPECT_EQ(cpu_.gpr[kGprRdi], 0x2003u);
  cpu_.rip = 0x1000;
  EXPECT_EQ(Go({0x6d}, {kPort, 4, true, false}).kind, Kind::kDone);
  EXPECT_EQ(At(0x2003), 0x44332211u);
  EXPECT_EQ(cpu_.gpr[kGprRdi], 0x2007u);
  EXPECT_EQ(cpu_.gpr[kGprRcx], 0u);
}

TEST_F(StringIoTest, RepeatedStaysUntilNothingIsLeft) {
  cpu_.gpr[kGprRsi] = 0x2001;
  cpu_.gpr[kGprRcx] = 2;
  cpu_.rflags |= kFlagDirection;
  bytes_[0x2000] = std::byte{'a'};
  bytes_[0x2001] = std::byte{'b'};
  const StringIo io = {kPort, 1, false, true};
  EXPECT_EQ(Go({0xf3, 0x6e}, io).kind, Kind::kDone);
  EXPECT_EQ(cpu_.rip, 0x1000u);
  EXPECT_EQ(cpu_.gpr[kGprRcx], 1u);
  EXPECT_EQ(Go({0xf3, 0x6e}, io).kind, Kind::kDone);
  EXPECT_EQ(cpu_.rip, 0x1002u);
  EXPECT_EQ(cpu_.gpr[kGprRcx], 0u);
  EXPECT_EQ(cpu_.gpr[kGprRsi], 0x1fffu);
  EXPECT_EQ(written_, (std::vector<uint32_t>{'b', 'a'}));
}

TEST_F(StringIoTest, NothingToDoTouchesNothing) {
  cpu_.gpr[kGprRdi] = uint64_t{1} << 47;
  EXPECT_EQ(Go({0xf3, 0x6c}, {kPort, 1, true, true}).kind, Kind::kDone);
  EXPECT_EQ(cpu_.rip, 0x1002u);
  EXPECT_EQ(reads_, 0);
}

TEST_F(StringIoTest, AddressSizeDecidesWhatCounts) {
  cpu_.gpr[kGprRdi] = 0xabcd00002000;
  cpu_.gpr[kGprRcx] = 0xabcd00000001;
  EXPECT_EQ(Go({0x67, 0xf3, 0x6c}, {kPort, 1, true, true}).kind, Kind::kDone);
  EXPECT_EQ(At(0x2000), 0x11u);
  EXPECT_EQ(cpu_.gpr[kGprRdi], 0x2001u);
  EXPECT_EQ(cpu_.gpr[kGprRcx], 0u);
  EXPECT_EQ(cpu_.rip, 0x1003u);

  Use16BitCode();
  cpu_.rip = 0x1000;
  cpu_.segment_base[kSegEs] = 0x3000;
  cpu_.gpr[kGprRdi] = 0x55550fff;
  cpu_.gpr[kGprRcx] = 0x66660001;
  EXPECT_EQ(Go({0xf3, 0x6c}, {kPort, 1, true, true}).kind, Kind::kDone);
  EXPECT_EQ(At(0x3fff), 0x11u);
  EXPECT_EQ(cpu_.gpr[kGprRdi], 0x55551000u);
  EXPECT_EQ(cpu_.gpr[kGprRcx], 0x66660000u);
}

TEST_F(StringIoTest, SourceSegment) {
  cpu_.segment_base[kSegFs] = 0x2000;
  cpu_.gpr[kGprRsi] = 4;
  bytes_[0x2004] = std::byte{'x'};
  EXPECT_EQ(Go({0x64, 0x6e}, {kPort, 1, false, false}).kind, Kind::kDone);
  EXPECT_EQ(written_, (std::vector<uint32_t>{'x'}));
}

TEST_F(StringIoTest, WhatMemoryRefuses) {
  cpu_.cr0 = kCr0Pg | kCr0Pe;
  cpu_.cr4 = kCr4Pae;
  cpu_.cr3 = 0x4000;
  // One page of 2 MiB at 0, read-only.
  const uint64_t top = 0x5003, pointers = 0x6003, large = 0x81;
  std::memcpy(&bytes_[0x4000], &top, sizeof(top));
  std::memcpy(&bytes_[0x5000], &pointers, sizeof(pointers));
  std::memcpy(&bytes_[0x6000], &large, sizeof(large));
  cpu_.cr0 |= kCr0Wp;
  cpu_.gpr[kGprRdi] = 0x2000;
  StringIoOutcome outcome = Go({0x6c}, {kPort, 1, true, false});
  EXPECT_EQ(outcome.kind, Kind::kPageFault);
  EXPECT_EQ(outcome.linear, 0x2000u);
  EXPECT_EQ(outcome.error_code, 3u);
  EXPECT_EQ(cpu_.rip, 0x1000u);
  cpu_.gpr[kGprRdi] = uint64_t{1} << 47;
  EXPECT_EQ(Go({0x6c}, {kPort, 1, true, false}).kind, Kind::kGeneralProtection);
  cpu_.gpr[kGprRsi] = 0x100000;  // mapped, but no RAM
  EXPECT_EQ(Go({0x6e}, {kPort, 1, false, false}).kind, Kind::kUnsupported);
  EXPECT_TRUE(written_.empty());
}

TEST_F(StringIoTest, OnlyWhatTheExitWasFor) {
  EXPECT_EQ(Go({0x90}, {kPort, 1, true, false}).kind, Kind::kUnsupported);
  EXPECT_EQ(Go({0x6e}, {kPort, 1, true, false}).kind, Kind::kUnsupported);
  EXPECT_EQ(Go({0x6c}, {kPort, 1, false, false}).kind, Kind::kUnsupported);
  cpu_.rip = 0x20000;  // no RAM
  EXPECT_EQ(Go({0x6c}, {kPort, 1, true, false}).kind, Kind::kUnsupported);
  EXPECT_EQ(reads_, 0);
}

}  // namespace
}  // namespace bulkhead
