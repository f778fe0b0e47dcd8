// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "control/placement.h"

#include "gtest/gtest.h"

namespace bulkhead {
namespace {

TEST(PlacementTest, OneCpuTakesAll) {
  Placement placement;
  EXPECT_EQ(placement.Take(1000), 0u);
  EXPECT_EQ(placement.Take(1), 0u);
}

TEST(PlacementTest, WhereLeastIsAskedFor) {
  Placement placement;
  placement.SetCpus(3);
  EXPECT_EQ(placement.Take(500), 0u);
  EXPECT_EQ(placement.Take(200), 1u);
  EXPECT_EQ(placement.Take(100), 2u);
  EXPECT_EQ(placement.Take(100), 2u);
  EXPECT_EQ(placement.Take(10), 1u) << "of equals the first";
  EXPECT_EQ(placement.Take(10), 2u);
  placement.Give(0, 500);
  EXPECT_EQ(placement.Take(1000), 0u);
}

}  // namespace
}  // namespace bulkhead
