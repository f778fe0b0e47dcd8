// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "boot/x86_64/loader_handover.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

namespace bulkhead {
namespace {

// What QEMU's q35 with 128 MiB gives, shortened.
const std::vector<E820Range>& Map() {
  static const std::vector<E820Range> map = {
      {0, 0x9fc00, 1, 0},          {0x9fc00, 0x400, 2, 0},     {0xf0000, 0x10000, 2, 0},
      {0x100000, 0x7ee0000, 1, 0}, {0x7fe0000, 0x20000, 3, 0}, {0xb0000000, 0x10000000, 2, 0},
  };
  return map;
}

class Handover : public testing::Test {
 protected:
  Handover() {
    handover_.rsdp = 0xf5aa0;
    handover_.memory_map = Map();
    handover_.bundle = 0x7000000;
    handover_.bundle_length = 0x1801;
    handover_.command_line = "a=b";
    handover_.image_physical = 0x200000;
    handover_.image_length = 0x12345;
  }

  const char* Make() { return MakeBootInfo(handover_, *info_); }

  LoaderHandover handover_;
  std::unique_ptr<BootInfo> info_ = std::make_unique<BootInfo>();
};

TEST_F(Handover, BecomesABootInfo) {
  ASSERT_EQ(Make(), nullptr);
  EXPECT_EQ(info_->magic, kBootInfoMagic);
  EXPECT_EQ(info_->version, kBootInfoVersion);
  EXPECT_EQ(info_->size, sizeof(BootInfo));
  EXPECT_EQ(info_->image_physical, 0x200000u);
  EXPECT_EQ(info_->image_length, 0x12345u);
  EXPECT_EQ(info_->bundle_physical, 0x7000000u);
  EXPECT_EQ(info_->bundle_length, 0x1801u);
  EXPECT_EQ(info_->acpi_rsdp, 0xf5aa0u);
  EXPECT_EQ(info_->serial_kind, SerialKind::kPort16550);
  EXPECT_EQ(info_->serial_address, 0x3f8u);
  EXPECT_EQ(info_->devicetree, 0u);
  EXPECT_STREQ(info_->command_line, "a=b");
}

TEST_F(Handover, CarvesOutImageAndBundle) {
  ASSERT_EQ(Make(), nullptr);
  const std::vector<MemoryRegion> expected = {
      {0x1000, 0x9e000, MemoryKind::kUsable, 0},
      {0x9f000, 0x1000, MemoryKind::kReserved, 0},
      {0xf0000, 0x10000, MemoryKind::kReserved, 0},
      {0x100000, 0x100000, MemoryKind::kUsable, 0},
      {0x200000, 0x13000, MemoryKind::kLoader, 0},
      {0x213000, 0x6ded000, MemoryKind::kUsable, 0},
      {0x7000000, 0x2000, MemoryKind::kLoader, 0},
      {0x7002000, 0xfde000, MemoryKind::kUsable, 0},
      {0x7fe0000, 0x20000, MemoryKind::kAcpi, 0},
      {0xb0000000, 0x10000000, MemoryKind::kReserved, 0},
  };
  ASSERT_EQ(info_->region_count, expected.size());
  for (size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ(info_->regions[i].start, expected[i].start) << i;
    EXPECT_EQ(info_->regions[i].length, expected[i].length) << i;
    EXPECT_EQ(info_->regions[i].kind, expected[i].kind) << i;
  }
}

TEST_F(Handover, KeepsACopyOfTheRootPointer) {
  handover_.rsdp = 0x300ff0;
  handover_.rsdp_copy_length = 36;
  ASSERT_EQ(Make(), nullptr);
  EXPECT_EQ(info_->acpi_rsdp, 0x300ff0u);
  const MemoryRegion& kept = info_->regions[6];
  EXPECT_EQ(kept.start, 0x300000u);
  EXPECT_EQ(kept.length, 0x2000u);
  EXPECT_EQ(kept.kind, MemoryKind::kAcpi);
}

TEST_F(Handover, WorksWithoutABundle) {
  handover_.bundle = 0;
  handover_.bundle_length = 0;
  ASSERT_EQ(Make(), nullptr);
  EXPECT_EQ(info_->bundle_physical, 0u);
  EXPECT_EQ(info_->bundle_length, 0u);
}

TEST_F(Handover, SaysWhatIsWrong) {
  handover_.memory_map = {};
  EXPECT_STREQ(Make(), "the loader gave no memory map");
  const std::vector<E820Range> many(193, {0x1000, 0x1000, 1, 0});
  handover_.memory_map = many;
  EXPECT_STREQ(Make(), "the memory map is too long");
  handover_.memory_map = Map();
  handover_.bundle = 0x7000800;
  EXPECT_STREQ(Make(), "the bundle is not page-aligned");
  handover_.bundle = 0x7000000;
  handover_.bundle_length = ~uint64_t{0};
  EXPECT_STREQ(Make(), "the bundle lies outside physical memory");
}

TEST_F(Handover, BoundsTheCommandLine) {
  const std::string longest(1023, 'c');
  handover_.command_line = longest;
  ASSERT_EQ(Make(), nullptr);
  EXPECT_STREQ(info_->command_line, longest.c_str());
  const std::string longer(1024, 'c');
  handover_.command_line = longer;
  EXPECT_STREQ(Make(), "the command line is too long");
  handover_.command_line = "";
  ASSERT_EQ(Make(), nullptr);
  EXPECT_STREQ(info_->command_line, "");
}

}  // namespace
}  // namespace bulkhead
