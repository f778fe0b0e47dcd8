// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "hypervisor/quota.h"

#include "gtest/gtest.h"

namespace bulkhead {
namespace {

TEST(QuotaTest, ChargesUpToTheLimit) {
  Quota quota(10);
  EXPECT_EQ(quota.Charge(10), Status::kOk);
  EXPECT_EQ(quota.Charge(1), Status::kQuotaExceeded);
  EXPECT_EQ(quota.used(), 10u);
  quota.Refund(4);
  EXPECT_EQ(quota.used(), 6u);
  EXPECT_EQ(quota.Charge(5), Status::kQuotaExceeded);
  EXPECT_EQ(quota.Charge(4), Status::kOk);
}

TEST(QuotaTest, HugeChargesDoNotWrap) {
  Quota quota(10);
  EXPECT_EQ(quota.Charge(3), Status::kOk);
  EXPECT_EQ(quota.Charge(~uint64_t{0}), Status::kQuotaExceeded);
  EXPECT_EQ(quota.Charge(~uint64_t{0} - 2), Status::kQuotaExceeded);
  EXPECT_EQ(quota.used(), 3u);
}

TEST(QuotaTest, RemembersThePeak) {
  Quota quota(10);
  EXPECT_EQ(quota.Charge(7), Status::kOk);
  quota.Refund(7);
  EXPECT_EQ(quota.Charge(2), Status::kOk);
  EXPECT_EQ(quota.Charge(20), Status::kQuotaExceeded);
  EXPECT_EQ(quota.peak(), 7u);
  EXPECT_EQ(quota.limit(), 10u);
}

TEST(QuotaTest, NothingIsAllowedByDefault) {
  Quota quota;
  EXPECT_EQ(quota.Charge(0), Status::kOk);
  EXPECT_EQ(quota.Charge(1), Status::kQuotaExceeded);
}

}  // namespace
}  // namespace bulkhead
