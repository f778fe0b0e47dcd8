// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "cli/bundle_writer.h"

#include <gtest/gtest.h>

#include <fstream>

#include "boot/bundle.h"
#include "cli/files.h"

namespace bulkhead {
namespace {

TEST(BundleWriter, WritesWhatTheLoaderReads) {
  const TempDir work = *TempDir::Create();
  const std::string path = work.path() + "/bundle";
  const std::string source = work.path() + "/source";
  const std::string image(3 * 4096 + 1, 'i');
  std::ofstream(source) << image;
  absl::StatusOr<BundleFileWriter> writer = BundleFileWriter::Create(path);
  ASSERT_TRUE(writer.ok()) << writer.status();
  ASSERT_TRUE(writer->AddBytes("hypervisor", "h").ok());
  ASSERT_TRUE(writer->AddBytes("empty", "").ok());
  ASSERT_TRUE(writer->AddFile("pods/x/image", source).ok());
  // Names of every length end on a page, too.
  for (size_t length = 1; length < 200; ++length) {
    ASSERT_TRUE(writer->AddBytes(std::string(length, 'n'), std::string(length, 'd')).ok());
  }
  ASSERT_TRUE(writer->Finish().ok());

  const MappedFile file = *MappedFile::Open(path);
  EXPECT_EQ(file.bytes().size(), writer->size());
  Bundle bundle;
  Text<> text;
  const BundleError error = Bundle::Open(file.bytes(), bundle);
  text << error;
  ASSERT_TRUE(error.ok()) << text.view();
  size_t count = 0;
  for (const BundleEntry& entry : bundle) {
    EXPECT_EQ(entry.data_offset % 4096, 0u) << entry.name;
    EXPECT_TRUE(entry.is_regular());
    ++count;
  }
  EXPECT_EQ(count, 202u);
  const auto found = bundle.Find("pods/x/image");
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(found->data.data()), found->data.size()),
            image);
  EXPECT_TRUE(bundle.Find("empty").has_value());
}

TEST(BundleWriter, SourceThatIsNotThere) {
  const TempDir work = *TempDir::Create();
  absl::StatusOr<BundleFileWriter> writer = BundleFileWriter::Create(work.path() + "/bundle");
  EXPECT_FALSE(writer->AddFile("x", work.path() + "/absent").ok());
}

}  // namespace
}  // namespace bulkhead
