// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "vmm/x86_64/mmio_emulator.h"

#include <cstring>
#include <string>
#include <vector>

#include "base/format.h"
#include "gtest/gtest.h"

namespace bulkhead {
namespace {

using Kind = MmioOutcome::Kind;
constexpr uint64_t kDevice = 0xd0000000;

struct Access {
  bool write;
  uint64_t address;
  int width;
  uint64_t value;
  bool operator==(const Access&) const = default;
};

class MmioEmulatorTest : public testing::Test {
 protected:
  MmioEmulatorTest() : bytes_(1 << 20), memory_({0, bytes_}) {
    // 64-bit mode without paging does not exist, but is the shortest way to say "one to one".
    cpu_.efer = kEferLma;
    cpu_.cs_long = true;
    cpu_.rip = 0x1000;
    cpu_.rflags = 2;
    bus_ = {this, &Read, &Write};
  }

  static bool Read(void* context, GuestPhysical address, uint8_t width, uint64_t* value) {
    auto* self = static_cast<MmioEmulatorTest*>(context);
    if (Raw(address) - kDevice >= 0x1000) return false;
    *value = self->answer_;
    self->log_.push_back({false, Raw(address), width, self->answer_});
    return true;
  }
  static bool Write(void* context, GuestPhysical address, uint8_t width, uint64_t value) {
    auto* self = static_cast<MmioEmulatorTest*>(context);
    if (Raw(address) - kDevice >= 0x1000) return false;
    self->log_.push_back({true, Raw(address), width, value});
    return true;
  }
  void Code(std::vector<uint8_t> code) { std::memcpy(&bytes_[cpu_.rip], code.data(), code.size()); }
  MmioOutcome Go(bool is_write, uint64_t fault = kDevice) {
    return EmulateMmio(cpu_, memory_, GuestPhysical{fault}, is_write, bus_);
  }

  std::vector<std::byte> bytes_;
  GuestMemory memory_;
  CpuState cpu_;
  MmioBus bus_;
  uint64_t answer_ = 0x74726976;
  std::vector<Access> log_;
};

TEST_F(MmioEmulatorTest, ReadAndWrite) {
  Code({0x8b, 0x07, 0x89, 0x47, 0x10});
  EXPECT_EQ(Go(false).kind, Kind::kDone);
  EXPECT_EQ(cpu_.gpr[kGprRax], 0x74726976u);
  EXPECT_EQ(cpu_.rip, 0x1002u);
  EXPECT_EQ(Go(true, kDevice + 0x10).kind, Kind::kDone);
  EXPECT_EQ(cpu_.rip, 0x1005u);
  const std::vector<Access> expected = {{false, kDevice, 4, 0x74726976},
                                        {true, kDevice + 0x10, 4, 0x74726976}};
  EXPECT_EQ(log_, expected);
}

TEST_F(MmioEmulatorTest, NothingAnswers) {
  Code({0x8b, 0x07});
  const CpuState before = cpu_;
  const MmioOutcome outcome = Go(false, 0xe0000000);
  EXPECT_EQ(outcome.kind, Kind::kNoDevice);
  EXPECT_EQ(cpu_.rip, before.rip);
  EXPECT_EQ(cpu_.gpr, before.gpr);
  Text<256> text;
  DescribeMmioOutcome(outcome, cpu_.rip, text);
  EXPECT_EQ(text.view().substr(0, 80),
            "access to 0xe0000000, where there is neither memory nor device (rip 0x1000, byte");
}

TEST_F(MmioEmulatorTest, Unsupported) {
  Code({0x66, 0x0f, 0x6f, 0x07});
  const MmioOutcome outcome = Go(false);
  EXPECT_EQ(outcome.kind, Kind::kUnsupported);
  EXPECT_EQ(outcome.byte_count, kMaxInstructionLength);
  EXPECT_EQ(outcome.bytes[2], 0x6f);
  EXPECT_TRUE(log_.empty());
}

TEST_F(MmioEmulatorTest, InstructionOutsideMemory) {
  cpu_.rip = 0x70000000;
  const MmioOutcome outcome = Go(false, 0x70000000);
  EXPECT_EQ(outcome.kind, Kind::kNoFetch);
  Text<256> text;
  DescribeMmioOutcome(outcome, cpu_.rip, text);
  EXPECT_EQ(text.view(), "execution at 0x70000000, where there is no memory (rip 0x70000000)");
}

TEST_F(MmioEmulatorTest, RepeatedStoreOneElementAtATime) {
  Code({0xf3, 0xab});
  cpu_.gpr[kGprRax] = 0xaabbccdd11223344;
  cpu_.gpr[kGprRcx] = 2;
  cpu_.gpr[kGprRdi] = kDevice;
  EXPECT_EQ(Go(true).kind, Kind::kDone);
  EXPECT_EQ(cpu_.gpr[kGprRcx], 1u);
  EXPECT_EQ(cpu_.gpr[kGprRdi], kDevice + 4);
  EXPECT_EQ(cpu_.rip, 0x1000u);
  EXPECT_EQ(Go(true, kDevice + 4).kind, Kind::kDone);
  EXPECT_EQ(cpu_.gpr[kGprRcx], 0u);
  EXPECT_EQ(cpu_.rip, 0x1002u);
  const std::vector<Access> expected = {{true, kDevice, 4, 0x11223344},
                                        {true, kDevice + 4, 4, 0x11223344}};
  EXPECT_EQ(log_, expected);
}

TEST_F(MmioEmulatorTest, MoveStringBothWays) {
  Code({0xa5});
  cpu_.rflags |= kFlagDirection;
  cpu_.gpr[kGprRsi] = 0x2000;
  cpu_.gpr[kGprRdi] = kDevice + 8;
  const uint32_t value = 0xcafe1234;
  memory_.Write(GuestPhysical{0x2000}, value);
  EXPECT_EQ(Go(true, kDevice + 8).kind, Kind::kDone);
  EXPECT_EQ(cpu_.gpr[kGprRsi], 0x2000u - 4);
  EXPECT_EQ(cpu_.gpr[kGprRdi], kDevice + 4);

  cpu_.rip = 0x1000;
  cpu_.gpr[kGprRsi] = kDevice;
  cpu_.gpr[kGprRdi] = 0x3000;
  EXPECT_EQ(Go(false).kind, Kind::kDone);
  EXPECT_EQ(*memory_.Read<uint64_t>(GuestPhysical{0x3000}), 0x74726976u);
  const std::vector<Access> expected = {{true, kDevice + 8, 4, value},
                                        {false, kDevice, 4, 0x74726976}};
  EXPECT_EQ(log_, expected);
}

TEST_F(MmioEmulatorTest, MoveStringFromDeviceToDevice) {
  Code({0xa5});
  const std::vector<Access> expected = {{false, kDevice, 4, 0x74726976},
                                        {true, kDevice + 16, 4, 0x74726976}};
  // Whichever side the processor looks at first.
  for (const bool is_write : {false, true}) {
    log_.clear();
    cpu_.rip = 0x1000;
    cpu_.gpr[kGprRsi] = kDevice;
    cpu_.gpr[kGprRdi] = kDevice + 16;
    EXPECT_EQ(Go(is_write, is_write ? kDevice + 16 : kDevice).kind, Kind::kDone);
    EXPECT_EQ(log_, expected);
    EXPECT_EQ(cpu_.rip, 0x1001u);
  }
  cpu_.rip = 0x1000;
  cpu_.gpr[kGprRdi] = 0xe0000000;
  const MmioOutcome outcome = Go(false);
  EXPECT_EQ(outcome.kind, Kind::kNoDevice);
  EXPECT_EQ(outcome.address, 0xe0000000u);
  EXPECT_EQ(cpu_.rip, 0x1000u);
}

TEST_F(MmioEmulatorTest, MoveStringToUnmappedMemoryFaults) {
  cpu_.cr0 = kCr0Pg | kCr0Pe | kCr0Wp;
  cpu_.cr4 = kCr4Pae;
  cpu_.cr3 = 0x10000;
  memory_.Write(GuestPhysical{0x10000}, uint64_t{0x11003});
  memory_.Write(GuestPhysical{0x11000}, uint64_t{0x12003});
  memory_.Write(GuestPhysical{0x12000}, uint64_t{0x83});      // 0 to 2 MiB
  memory_.Write(GuestPhysical{0x12008}, uint64_t{0x200081});  // 2 to 4 MiB, read-only
  Code({0xa5});
  cpu_.gpr[kGprRsi] = 0x7f0000000;
  cpu_.gpr[kGprRdi] = 0x200000;
  const MmioOutcome outcome = Go(false);
  EXPECT_EQ(outcome.kind, Kind::kPageFault);
  EXPECT_EQ(outcome.address, 0x200000u);
  EXPECT_EQ(outcome.error_code, 3u);
  EXPECT_EQ(cpu_.rip, 0x1000u);
}

TEST_F(MmioEmulatorTest, SegmentsOutsideLongMode) {
  cpu_.efer = 0;
  cpu_.cs_long = false;
  cpu_.cs_default = true;
  cpu_.segment_base[kSegCs] = 0x4000;
  bytes_[0x5000] = std::byte{0x8b};
  bytes_[0x5001] = std::byte{0x07};
  EXPECT_EQ(Go(false).kind, Kind::kDone);
  EXPECT_EQ(cpu_.gpr[kGprRax], 0x74726976u);
}

}  // namespace
}  // namespace bulkhead
