// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "control/bundle_index.h"

#include <gtest/gtest.h>

#include <string>

#include "boot/testing/bundle_writer.h"

namespace bulkhead {
namespace {

constexpr uint32_t kDirectory = 040755;

TEST(BundleIndex, FindsWhatTheBundleFinds) {
  BundleWriter writer;
  for (uint64_t i = 0; i < kMaxBundleEntries; ++i) {
    const std::string name = "pods/p" + std::to_string(i) + "/pod";
    writer.Add(name, name, i % 7 == 0 ? kDirectory : 0100644);
  }
  const std::string archive = writer.Finish();
  Bundle bundle;
  ASSERT_TRUE(Bundle::Open(AsBytes(archive), bundle).ok());
  BundleIndex index;
  index.Build(bundle);
  for (const BundleEntry& entry : bundle) {
    const auto found = index.Find(entry.name);
    ASSERT_EQ(found.has_value(), entry.is_regular()) << entry.name;
    if (!found) continue;
    EXPECT_EQ(found->name, entry.name);
    EXPECT_EQ(found->data.data(), entry.data.data());
    EXPECT_EQ(found->data_offset, entry.data_offset);
  }
}

TEST(BundleIndex, NamesWhatIsMissing) {
  const std::string archive = BundleWriter().Add("vmm", "x").Finish();
  Bundle bundle;
  ASSERT_TRUE(Bundle::Open(AsBytes(archive), bundle).ok());
  BundleIndex index;
  BundleEntry entry;
  EXPECT_FALSE(index.Find("vmm").has_value()) << "not built yet";
  index.Build(bundle);
  EXPECT_TRUE(index.Require("vmm", entry).ok());
  EXPECT_EQ(entry.name, "vmm");
  const BundleError error = index.Require("pods/a/pod", entry);
  EXPECT_EQ(error.kind, BundleErrorKind::kNoEntry);
  EXPECT_EQ(error.name, "pods/a/pod");
}

}  // namespace
}  // namespace bulkhead
