// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// What boot/x86_64/hypervisor.ld promises of every image linked with it.

#include <gtest/gtest.h>

#include <string>

#include "base/align.h"
#include "boot/elf.h"
#include "boot/testing/bundle_writer.h"
#include "boot/x86_64/layout.h"
#include "tests/harness/files.h"

namespace bulkhead {
namespace {

class HypervisorImage : public testing::Test {
 protected:
  void SetUp() override {
    file_ = ReadFileOrDie("boot/testing/stand_in_hypervisor.elf");
    const ElfError error = ElfImage::Parse(AsBytes(file_), ElfMachine::kX86_64, image_);
    Text<> text;
    text << error;
    ASSERT_TRUE(error.ok()) << std::string(text.view());
  }

  std::string file_;
  ElfImage image_;
};

TEST_F(HypervisorImage, HasThreeSegmentsWithRightsOfTheirOwn) {
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

TEST_F(HypervisorImage, LiesWhereTheEntriesExpectIt) {
  EXPECT_EQ(image_.VirtualRange().start, BULKHEAD_IMAGE_VIRTUAL);
  EXPECT_EQ(image_.PhysicalRange().start, uint64_t{BULKHEAD_PVH_IMAGE_PHYSICAL});
  for (const ElfSegment& segment : image_.segments()) {
    EXPECT_EQ(segment.virtual_address - BULKHEAD_IMAGE_VIRTUAL,
              segment.physical_address - BULKHEAD_PVH_IMAGE_PHYSICAL);
  }
}

TEST_F(HypervisorImage, HasBothEntries) {
  EXPECT_TRUE(image_.IsExecutableVirtual(image_.entry()));
  uint32_t pvh = 0;
  EXPECT_TRUE(image_.PvhEntry(pvh).ok());
  EXPECT_TRUE(image_.IsExecutablePhysical(pvh));
}

}  // namespace
}  // namespace bulkhead
