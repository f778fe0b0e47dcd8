// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "boot/bundle.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "boot/testing/bundle_writer.h"

namespace bulkhead {
namespace {

std::string TextOf(const BundleError& error) {
  Text<> text;
  text << error;
  return std::string(text.view());
}

std::string OpenText(std::string_view archive) {
  Bundle bundle;
  return TextOf(Bundle::Open(AsBytes(archive), bundle));
}

std::string Contents(const BundleEntry& entry) {
  return {reinterpret_cast<const char*>(entry.data.data()), entry.data.size()};
}

std::string Good() {
  return BundleWriter()
      .Add("hypervisor", "hyper")
      .Add("pods", "", 040755)
      .Add("pods/a/pod", "version=1\n")
      .Add("pods/a/image", std::string(5000, 'i'), 0100644, 4096)
      .Add("vmm", "")
      .Finish();
}

TEST(Bundle, ListsEntriesInOrder) {
  const std::string archive = Good();
  Bundle bundle;
  ASSERT_TRUE(Bundle::Open(AsBytes(archive), bundle).ok()) << OpenText(archive);
  std::vector<std::string> names;
  for (const BundleEntry& entry : bundle) names.emplace_back(entry.name);
  EXPECT_EQ(names,
            (std::vector<std::string>{"hypervisor", "pods", "pods/a/pod", "pods/a/image", "vmm"}));
}

TEST(Bundle, FindsFiles) {
  const std::string archive = Good();
  Bundle bundle;
  ASSERT_TRUE(Bundle::Open(AsBytes(archive), bundle).ok());
  BundleEntry entry;
  ASSERT_TRUE(bundle.Require("hypervisor", entry).ok());
  EXPECT_EQ(Contents(entry), "hyper");
  ASSERT_TRUE(bundle.Require("pods/a/image", entry).ok());
  EXPECT_EQ(Contents(entry), std::string(5000, 'i'));
  EXPECT_EQ(entry.data_offset % 4096, 0u);
  EXPECT_EQ(archive[entry.data_offset], 'i');
  ASSERT_TRUE(bundle.Require("vmm", entry).ok());
  EXPECT_TRUE(entry.data.empty());
}

TEST(Bundle, NamesTheMissingEntry) {
  const std::string archive = Good();
  Bundle bundle;
  ASSERT_TRUE(Bundle::Open(AsBytes(archive), bundle).ok());
  BundleEntry entry;
  EXPECT_EQ(TextOf(bundle.Require("supervisor", entry)), "bundle: no entry 'supervisor'");
  EXPECT_FALSE(bundle.Find("pods")) << "a directory is not a file";
  EXPECT_FALSE(bundle.Find("TRAILER!!!"));
  EXPECT_FALSE(bundle.Find(""));
}

TEST(Bundle, DefaultIsEmpty) {
  const Bundle bundle;
  EXPECT_TRUE(bundle.begin() == bundle.end());
  EXPECT_FALSE(bundle.Find("vmm"));
}

TEST(Bundle, IgnoresWhatFollowsTheTrailer) {
  const std::string archive = Good() + "anything";
  EXPECT_EQ(OpenText(archive), "bundle: no error");
}

TEST(Bundle, AcceptsTrailerWithoutPadding) {
  std::string archive = Good();
  archive.resize(archive.size() - 3);
  EXPECT_EQ(OpenText(archive), "bundle: no error");
}

TEST(Bundle, RefusesEmpty) { EXPECT_EQ(OpenText(""), "bundle: empty or not given"); }

TEST(Bundle, RefusesBadMagic) {
  std::string archive = Good();
  archive[5] = '2';  // 070702, with checksums
  EXPECT_EQ(OpenText(archive), "bundle: bad magic at offset 0x0");
  EXPECT_EQ(OpenText(BundleWriter().Add("a", "xyz").bytes() + std::string(200, '\0')),
            "bundle: bad magic at offset 0x74");
  EXPECT_EQ(OpenText("x"), "bundle: bad magic at offset 0x0");
}

TEST(Bundle, RefusesTruncationAtEveryByte) {
  const std::string archive = Good();
  // The last three bytes are padding.
  for (size_t size = 0; size < archive.size() - 3; ++size) {
    EXPECT_NE(OpenText(archive.substr(0, size)), "bundle: no error") << size;
  }
}

TEST(Bundle, TellsTruncationsApart) {
  const std::string archive = Good();
  EXPECT_EQ(OpenText(archive.substr(0, 3)), "bundle: ends inside the header at offset 0x0");
  EXPECT_EQ(OpenText(archive.substr(0, 115)),
            "bundle: ends inside the name of the entry at offset 0x0 (11 bytes needed, 5 left)");
  EXPECT_EQ(OpenText(archive.substr(0, 127)),
            "bundle: entry 'hypervisor' runs past the end (5 bytes needed, 3 left)");
  EXPECT_EQ(OpenText(BundleWriter().Add("a", "").bytes()),
            "bundle: ends at offset 0x70 without a trailer");
}

TEST(Bundle, RefusesEveryBadNumber) {
  for (size_t field = 0; field < 13; ++field) {
    for (const char bad : {'g', ' ', '\0', '-', '/', ':', '@', 'G', '`'}) {
      std::string archive = Good();
      archive[6 + field * 8 + 3] = bad;
      const std::string expected =
          TextOf({.kind = BundleErrorKind::kBadNumber, .offset = 6 + field * 8});
      EXPECT_EQ(OpenText(archive), expected);
    }
  }
}

TEST(Bundle, RefusesLengthPastTheEnd) {
  std::string archive = Good();
  archive.replace(6 + 6 * 8, 8, "FFFFFFFF");
  EXPECT_EQ(OpenText(archive).substr(0, 71),
            "bundle: entry 'hypervisor' runs past the end (4294967295 bytes needed, ");
}

TEST(Bundle, RefusesBadNameSizes) {
  for (const char* size : {"00000000", "00000001", "00002001", "ffffffff"}) {
    std::string archive = Good();
    archive.replace(6 + 11 * 8, 8, size);
    EXPECT_EQ(OpenText(archive).substr(0, 21), "bundle: bad name size") << size;
  }
}

TEST(Bundle, RefusesBadNames) {
  std::string archive = BundleWriter().Add("name", "", 0100644, 64).Finish();
  ASSERT_EQ(OpenText(archive), "bundle: no error");
  std::string bad = archive;
  bad[116] = 'x';  // behind the terminating NUL
  EXPECT_EQ(OpenText(bad), "bundle: bad entry name at offset 0x6e");
  bad = archive;
  bad[110] = '\0';  // empty
  EXPECT_EQ(OpenText(bad), "bundle: bad entry name at offset 0x6e");
  bad = archive;
  bad[111] = '\x1b';
  EXPECT_EQ(OpenText(bad), "bundle: bad entry name at offset 0x6e");
  bad = archive;
  bad.replace(6 + 11 * 8, 8, "00000004");  // not terminated
  EXPECT_EQ(OpenText(bad), "bundle: bad entry name at offset 0x6e");
  EXPECT_EQ(OpenText(BundleWriter().Add(std::string(256, 'n'), "").Finish()),
            "bundle: bad entry name at offset 0x6e");
  EXPECT_EQ(OpenText(BundleWriter().Add(std::string(255, 'n'), "").Finish()), "bundle: no error");
}

TEST(Bundle, RefusesDuplicates) {
  EXPECT_EQ(OpenText(BundleWriter().Add("a", "1").Add("b", "").Add("a", "2").Finish()),
            "bundle: second entry 'a' at offset 0xe4");
}

TEST(Bundle, BoundsTheNumberOfEntries) {
  BundleWriter writer;
  for (int i = 0; i < 1024; ++i) writer.Add("file" + std::to_string(i), "");
  BundleWriter more = writer;
  EXPECT_EQ(OpenText(writer.Finish()), "bundle: no error");
  EXPECT_EQ(OpenText(more.Add("one-more", "").Finish()), "bundle: more than 1024 entries");
}

}  // namespace
}  // namespace bulkhead
