// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "cli/manifest/expansion.h"

#include <gtest/gtest.h>

namespace bulkhead {
namespace {

// The cases of Kubernetes' documentation and of its own implementation's corners.
TEST(Expansion, AsInKubernetes) {
  const std::map<std::string, std::string> variables = {
      {"A", "a"}, {"B", "$(A)"}, {"EMPTY", ""}, {"X.Y-Z", "dots"}};
  const auto expand = [&](const std::string& text) {
    return ExpandVariables(text, variables).value_or("(none)");
  };
  EXPECT_EQ(expand(""), "");
  EXPECT_EQ(expand("plain"), "plain");
  EXPECT_EQ(expand("$(A)"), "a");
  EXPECT_EQ(expand("x$(A)y$(A)"), "xaya");
  EXPECT_EQ(expand("$(B)"), "$(A)");  // once only
  EXPECT_EQ(expand("[$(EMPTY)]"), "[]");
  EXPECT_EQ(expand("$(X.Y-Z)"), "dots");
  EXPECT_EQ(expand("$(UNKNOWN)"), "$(UNKNOWN)");
  EXPECT_EQ(expand("$$(A)"), "$(A)");
  EXPECT_EQ(expand("$$$(A)"), "$a");
  EXPECT_EQ(expand("$$$$"), "$$");
  EXPECT_EQ(expand("$"), "$");
  EXPECT_EQ(expand("$A ${A}"), "$A ${A}");
  EXPECT_EQ(expand("$(A"), "$(A");
  EXPECT_EQ(expand("$("), "$(");
  EXPECT_EQ(expand("$()"), "$()");
  EXPECT_EQ(expand("$(A$(A)"), "$(A$(A)");
}

TEST(Expansion, IsBounded) {
  const std::map<std::string, std::string> variables = {{"A", std::string(1000, 'a')}};
  std::string text;
  for (int i = 0; i < 131; ++i) text += "$(A)";
  EXPECT_EQ(ExpandVariables(text, variables)->size(), 131000u);
  EXPECT_FALSE(ExpandVariables(text + "$(A)", variables).has_value());
  EXPECT_FALSE(ExpandVariables(std::string(kMaxWordBytes + 1, 'x'), {}).has_value());
}

}  // namespace
}  // namespace bulkhead
