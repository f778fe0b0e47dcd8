// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// What the linker scripts promise of every image linked with them.

#include <gtest/gtest.h>

#include <cstring>
#include <string>

#include "base/align.h"
#include "boot/elf.h"
#include "boot/testing/bundle_writer.h"
#include "boot/x86_64/layout.h"
#include "tests/harness/architecture.h"
#include "tests/harness/files.h"

namespace bulkhead {
namespace {

class HypervisorImage : public testing::TestWithParam<Architecture> {
 protected:
  void SetUp() override {
    file_ = ReadFileOrDie("boot/testing/stand_in_hypervisor_" + NameOf(GetParam()) + ".elf");
    const ElfError error = ElfImage::Parse(
        AsBytes(file_), IsX86() ? ElfMachine::kX86_64 : ElfMachine::kAarch64, image_);
    Text<> text;
    text << error;
    ASSERT_TRUE(error.ok()) << std::string(text.view());
  }

  static bool IsX86() { return GetParam() == Architecture::kX86_64; }

  std::string file_;
  ElfImage image_;
};

TEST_P(HypervisorImage, HasThreeSegmentsWithRightsOfTheirOwn) {
  ASSERT_EQ(image_.segments().size(), 3u);
  for (const ElfSegment& segment : image_.segments()) {
    EXPECT_TRUE(segment.readable);
    EXPECT_FALSE(segment.writable && segment.executable);
    EXPECT_TRUE(IsAligned(segment.virtual_address, kPageSize));
  }
  EXPECT_TRUE(image_.segments()[0].executable);
  EXPECT_FALSE(image_.segments()[1].executable || image_.segments()[1].writable);
  EXPECT_TRUE(image_.segments()[2].writable);
}

TEST_P(HypervisorImage, LiesWhereTheEntriesExpectIt) {
  const uint64_t physical = IsX86() ? BULKHEAD_IMAGE_PHYSICAL : 0;
  EXPECT_EQ(image_.VirtualRange().start, BULKHEAD_IMAGE_VIRTUAL);
  EXPECT_EQ(image_.PhysicalRange().start, physical);
  for (const ElfSegment& segment : image_.segments()) {
    EXPECT_EQ(segment.virtual_address - BULKHEAD_IMAGE_VIRTUAL,
              segment.physical_address - physical);
  }
}

TEST_P(HypervisorImage, HasItsEntries) {
  EXPECT_TRUE(image_.IsExecutableVirtual(image_.entry()));
  if (!IsX86()) return;
  uint32_t pvh = 0;
  EXPECT_TRUE(image_.PvhEntry(pvh).ok());
  EXPECT_TRUE(image_.IsExecutablePhysical(pvh));
}

INSTANTIATE_TEST_SUITE_P(All, HypervisorImage, testing::ValuesIn(kArchitectures),
                         testing::PrintToStringParamName());

// "Booting AArch64 Linux", section 4.
TEST(RawImage, HasTheHeaderOfALinuxImage) {
  const std::string image = ReadFileOrDie("boot/testing/stand_in_hypervisor_aarch64.img");
  const auto word = [&image](size_t at) {
    uint64_t value = 0;
    std::memcpy(&value, image.data() + at, sizeof(value));
    return value;
  };
  ASSERT_GE(image.size(), 64u);
  EXPECT_EQ(word(8), 0u) << "text offset";
  EXPECT_GE(word(16), image.size()) << "image size, zeroed data included";
  EXPECT_EQ(word(16) % kPageSize, 0u);
  EXPECT_EQ(word(24), 0xau) << "little-endian, 4 KiB pages, anywhere";
  EXPECT_EQ(image.substr(56, 4), "ARM\x64");
}

}  // namespace
}  // namespace bulkhead
