// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "guest/init/lifecycle.h"

#include <gtest/gtest.h>

namespace bulkhead {
namespace {

using std::chrono::seconds;
using Time = PodLifecycle::Time;

PodSpec Spec(RestartPolicy policy, size_t inits, size_t others) {
  PodSpec spec;
  spec.restart = policy;
  for (size_t i = 0; i < inits + others; ++i) spec.containers.push_back({.init = i < inits});
  return spec;
}

constexpr Time kStart{seconds(1000)};

// Starts it and ends it at once.
void RunOnce(PodLifecycle* pod, size_t container, uint32_t status, Time now) {
  ASSERT_EQ(pod->Next(now), container);
  pod->OnStarted(container, now);
  EXPECT_FALSE(pod->over());
  pod->OnEnded(container, status, now);
}

TEST(PodLifecycle, InitContainersComeFirst) {
  PodLifecycle pod(Spec(RestartPolicy::kNever, 2, 2));
  RunOnce(&pod, 0, 0, kStart);
  RunOnce(&pod, 1, 0, kStart);
  ASSERT_EQ(pod.Next(kStart), 2u);
  pod.OnStarted(2, kStart);
  ASSERT_EQ(pod.Next(kStart), 3u);
  pod.OnStarted(3, kStart);
  EXPECT_FALSE(pod.Next(kStart).has_value());
  pod.OnEnded(3, 1, kStart);
  EXPECT_FALSE(pod.over());
  pod.OnEnded(2, 0, kStart);
  EXPECT_TRUE(pod.over());
}

TEST(PodLifecycle, AnInitContainerThatFails) {
  PodLifecycle never(Spec(RestartPolicy::kNever, 1, 1));
  RunOnce(&never, 0, 1, kStart);
  EXPECT_TRUE(never.over());
  EXPECT_FALSE(never.Next(kStart + seconds(1000)).has_value());

  // Always is for those that are to stay.
  PodLifecycle always(Spec(RestartPolicy::kAlways, 1, 1));
  RunOnce(&always, 0, 1, kStart);
  EXPECT_FALSE(always.over());
  EXPECT_FALSE(always.Next(kStart + seconds(9)).has_value());
  RunOnce(&always, 0, 0, kStart + seconds(10));
  EXPECT_EQ(always.Next(kStart + seconds(10)), 1u);
}

TEST(PodLifecycle, BackOffGrowsAndStartsAnew) {
  PodLifecycle pod(Spec(RestartPolicy::kAlways, 0, 1));
  Time now = kStart;
  for (const int wait : {10, 20, 40, 80, 160, 300, 300}) {
    RunOnce(&pod, 0, 0, now);
    EXPECT_EQ(pod.NextDue(), now + seconds(wait));
    EXPECT_FALSE(pod.Next(now + seconds(wait - 1)).has_value());
    now += seconds(wait);
  }
  ASSERT_EQ(pod.Next(now), 0u);
  pod.OnStarted(0, now);
  EXPECT_FALSE(pod.NextDue().has_value());
  now += kBackOffReset;
  pod.OnEnded(0, 1, now);
  EXPECT_EQ(pod.NextDue(), now + seconds(10));
}

TEST(PodLifecycle, OnFailureIsForEachContainerAlone) {
  PodLifecycle pod(Spec(RestartPolicy::kOnFailure, 0, 2));
  RunOnce(&pod, 0, 0, kStart);
  RunOnce(&pod, 1, 1, kStart);
  EXPECT_FALSE(pod.over());
  RunOnce(&pod, 1, 0, kStart + seconds(10));
  EXPECT_TRUE(pod.over());
}

TEST(PodLifecycle, LeavingStartsNothing) {
  PodLifecycle pod(Spec(RestartPolicy::kAlways, 0, 2));
  RunOnce(&pod, 0, 1, kStart);
  ASSERT_EQ(pod.Next(kStart), 1u);
  pod.OnStarted(1, kStart);
  pod.Leave();
  EXPECT_FALSE(pod.Next(kStart + seconds(1000)).has_value());
  EXPECT_FALSE(pod.NextDue().has_value());
  EXPECT_FALSE(pod.over());
  pod.OnEnded(1, 143, kStart);
  EXPECT_TRUE(pod.over());
}

}  // namespace
}  // namespace bulkhead
