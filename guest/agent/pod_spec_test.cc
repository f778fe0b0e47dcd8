// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "guest/agent/pod_spec.h"

#include <gtest/gtest.h>

#include <string>

#include "guest/agent/protocol.h"

namespace bulkhead {
namespace {

constexpr char kFull[] =
    "version=1\nrestart=on-failure\nvolume=0\nvolume=1048576\ncontainer=1\ninit=1\n"
    "container=0\nstdin=1\ncontainer=15\n";

TEST(PodSpecTest, IsReadAsItWasWritten) {
  const std::optional<PodSpec> spec = ParsePodSpec(kFull);
  ASSERT_TRUE(spec.has_value());
  EXPECT_EQ(spec->restart, RestartPolicy::kOnFailure);
  EXPECT_EQ(spec->volumes, (std::vector<uint64_t>{0, 1048576}));
  ASSERT_EQ(spec->containers.size(), 3u);
  EXPECT_TRUE(spec->containers[0].init && !spec->containers[0].has_stdin);
  EXPECT_TRUE(!spec->containers[1].init && spec->containers[1].has_stdin);
  EXPECT_EQ(spec->containers[2].image, 15u);
  EXPECT_EQ(FormatPodSpec(*spec), kFull);
}

TEST(PodSpecTest, RefusesWhatBreaksTheRules) {
  std::string many = "version=1\n";
  for (uint32_t i = 0; i <= kAgentMaxContainers; ++i) many += "container=0\n";
  std::string volumes = "version=1\ncontainer=0\n";
  for (size_t i = 0; i <= kMaxPodVolumes; ++i) volumes += "volume=0\n";
  for (const std::string& bad :
       {std::string(), std::string("container=0\n"), std::string("version=2\ncontainer=0\n"),
        std::string("version=1\n"), std::string("version=1\ncontainer=0"),
        std::string("version=1\ncontainer=16\n"), std::string("version=1\ncontainer=-1\n"),
        std::string("version=1\ncontainer=\n"), std::string("version=1\ninit=1\ncontainer=0\n"),
        std::string("version=1\ncontainer=0\ninit=1\n"),  // nothing but init containers
        std::string("version=1\ncontainer=0\ncontainer=0\ninit=1\n"),
        std::string("version=1\ncontainer=0\nstdin=1\ncontainer=0\nstdin=1\n"),
        std::string("version=1\nrestart=maybe\ncontainer=0\n"),
        std::string("version=1\nvolume=1Mi\ncontainer=0\n"),
        std::string("version=1\n\ncontainer=0\n"), std::string("version=1\nother=0\n"), many,
        volumes}) {
    EXPECT_FALSE(ParsePodSpec(bad).has_value()) << bad;
  }
}

TEST(BackOffTest, DoublesToFiveMinutes) {
  EXPECT_EQ(BackOff(0).count(), 10);
  EXPECT_EQ(BackOff(1).count(), 20);
  EXPECT_EQ(BackOff(4).count(), 160);
  EXPECT_EQ(BackOff(5).count(), 300);
  EXPECT_EQ(BackOff(4'000'000'000).count(), 300);
}

}  // namespace
}  // namespace bulkhead
