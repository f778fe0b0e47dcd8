// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "boot/multiboot2/grub_iso.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <string>

#include "tests/harness/files.h"

namespace bulkhead {
namespace {

class GrubIsoFile : public testing::Test {
 protected:
  GrubIsoFile() {
    WriteFileOrDie(Path("hypervisor=1"), "first file");
    WriteFileOrDie(Path("bundle"), std::string(5000, 'b'));
  }

  std::string Path(std::string_view name) const { return directory_ / name; }

  absl::Status Make(const std::string& to, const std::string& command_line = "a=b") {
    return MakeGrubIso({.hypervisor = Path("hypervisor=1"),
                        .bundle = Path("bundle"),
                        .command_line = command_line},
                       Path(to), {});
  }

  TempDirectory directory_;
};

TEST_F(GrubIsoFile, SameFilesGiveSameBytes) {
  ASSERT_TRUE(Make("one.iso").ok());
  const timespec old[2] = {{.tv_sec = 1'000'000'000, .tv_nsec = 0},
                           {.tv_sec = 1'000'000'000, .tv_nsec = 0}};
  ASSERT_EQ(utimensat(AT_FDCWD, Path("bundle").c_str(), old, 0), 0);
  ASSERT_TRUE(Make("two.iso").ok());
  const std::string one = ReadFileOrDie(Path("one.iso"));
  EXPECT_EQ(one, ReadFileOrDie(Path("two.iso")));
  EXPECT_NE(one.find("first file"), std::string::npos);
  EXPECT_NE(one.find(std::string(5000, 'b')), std::string::npos);
  EXPECT_LT(one.size(), 2u << 20);
}

TEST_F(GrubIsoFile, SaysWhatIsWrong) {
  for (const char* bad : {"a'b", "a\"b", "a\\b", "a\nboot"}) {
    EXPECT_EQ(Make("no.iso", bad).message(),
              "GRUB cannot pass on quotes, backslashes or control characters");
  }
  const absl::Status status = MakeGrubIso({.hypervisor = Path("none")}, Path("no.iso"), {});
  EXPECT_EQ(status.message().substr(0, 16), "xorriso failed: ") << status;
}

}  // namespace
}  // namespace bulkhead
