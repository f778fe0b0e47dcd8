// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// Every call with memory running out at every possible point: nothing leaks, nothing half-made
// stays, and the same call works once there is memory.

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "hypervisor/testing/fake_node.h"

namespace bulkhead {
namespace {

using abi::Call;
using testing::Answer;
using testing::FakeNode;

constexpr uint64_t kReadWrite = abi::kRead | abi::kWrite;
// More pages than any one call uses: superpages do not count, they are optional.
constexpr uint64_t kMostPages = 400;

struct Scenario {
  std::string name;
  // Makes what the call needs and returns the call.
  std::function<std::function<Answer()>(FakeNode&, const FakeNode::Child&)> prepare;
};

uint64_t CallChild(FakeNode& node, const FakeNode::Child& child, Call call,
                   std::initializer_list<uint64_t> arguments = {}) {
  const Answer answer = node.Call(*child.thread, call, arguments);
  EXPECT_TRUE(answer.ok());
  return answer.value[0];
}

// Fills a page of the capability table, so that the next handle needs another.
void FillCapabilityPage(FakeNode& node, Process& process) {
  while (process.capabilities.Find(CapabilityTable::kPerPage - 1) == nullptr) {
    Retain(node.root());
    ASSERT_TRUE(process.capabilities.Insert({.object = &node.root()}, process.arena).ok());
  }
}

std::vector<Scenario> Scenarios() {
  std::vector<Scenario> all;
  for (const Call call : {Call::kEventCreate, Call::kChannelCreate, Call::kVmCreate}) {
    all.push_back({abi::kCallNames[static_cast<uint64_t>(call)],
                   [call](FakeNode& node, const FakeNode::Child& child) {
                     FillCapabilityPage(node, *child.process);
                     return [&node, &child, call] { return node.Call(*child.thread, call); };
                   }});
  }
  all.push_back({"memory_create", [](FakeNode& node, const FakeNode::Child& child) {
                   FillCapabilityPage(node, *child.process);
                   return
                       [&] { return node.Call(*child.thread, Call::kMemoryCreate, {kPageSize}); };
                 }});
  all.push_back({"thread_create", [](FakeNode& node, const FakeNode::Child& child) {
                   FillCapabilityPage(node, *child.process);
                   return [&] {
                     return node.Call(*child.thread, Call::kThreadCreate,
                                      {abi::kSelf, 0x1000, 0x2000, 0, 0});
                   };
                 }});
  all.push_back({"handle_grant", [](FakeNode& node, const FakeNode::Child& child) {
                   const uint64_t event = CallChild(node, child, Call::kEventCreate);
                   FillCapabilityPage(node, *child.process);
                   return [&, event] {
                     return node.Call(*child.thread, Call::kHandleGrant, {abi::kSelf, event, 1, 0});
                   };
                 }});
  all.push_back({"vcpu_create", [](FakeNode& node, const FakeNode::Child& child) {
                   const uint64_t vm = CallChild(node, child, Call::kVmCreate);
                   const uint64_t memory = CallChild(node, child, Call::kMemoryCreate, {kPageSize});
                   FillCapabilityPage(node, *child.process);
                   return [&, vm, memory] {
                     return node.Call(*child.thread, Call::kVcpuCreate, {vm, 5, memory});
                   };
                 }});
  all.push_back(
      {"process_map", [](FakeNode& node, const FakeNode::Child& child) {
         const uint64_t memory = CallChild(node, child, Call::kMemoryCreate, {64 * kPageSize});
         return [&, memory] {
           return node.Call(*child.thread, Call::kProcessMap,
                            {abi::kSelf, uint64_t{1} << 44, memory, 0, 64 * kPageSize, kReadWrite});
         };
       }});
  all.push_back(
      {"vm_map", [](FakeNode& node, const FakeNode::Child& child) {
         const uint64_t vm = CallChild(node, child, Call::kVmCreate);
         const uint64_t memory = CallChild(node, child, Call::kMemoryCreate, {64 * kPageSize});
         return [&, vm, memory] {
           return node.Call(*child.thread, Call::kVmMap,
                            {vm, uint64_t{1} << 44, memory, 0, 64 * kPageSize, abi::kRead});
         };
       }});
  return all;
}

class ExhaustionTest : public ::testing::TestWithParam<Scenario> {};

bool IsExhaustion(Status status) {
  return status == Status::kNoMemory || status == Status::kQuotaExceeded;
}

// The machine has no page left after the first, the second, ...
TEST_P(ExhaustionTest, NoMemoryAtEveryPoint) {
  FakeNode node;
  const FakeNode::Usage empty = node.GetUsage();
  const FakeNode::Child child = node.MakeChild(4 * FakeNode::kMiB);
  const std::function<Answer()> call = GetParam().prepare(node, child);
  bool done = false;
  for (uint64_t pages = 0; !done; ++pages) {
    ASSERT_LT(pages, kMostPages);
    const uint64_t used = child.process->quota.used();
    node.LeavePages(pages);
    const Answer answer = call();
    done = answer.ok();
    if (!done) {
      EXPECT_EQ(answer.status, Status::kNoMemory);
    }
    node.Settle();
    // A Memory keeps what was found for it, and the call goes on from there; nothing else does.
    if (!done && GetParam().name != "process_map" && GetParam().name != "vm_map" &&
        GetParam().name != "vcpu_create") {
      EXPECT_EQ(child.process->quota.used(), used);
      EXPECT_EQ(node.node().pages.free_pages(), pages);
    }
    node.GiveBackPages();
  }
  node.Kill(child);
  node.Do(Call::kHandleClose, {child.handle});
  node.Settle();
  EXPECT_EQ(node.GetUsage(), empty);
}

// The process's quota ends after the first page, the second, ...
TEST_P(ExhaustionTest, QuotaAtEveryPoint) {
  for (uint64_t spare = 0;; ++spare) {
    ASSERT_LT(spare, kMostPages);
    FakeNode node(4 * FakeNode::kMiB);
    const FakeNode::Usage empty = node.GetUsage();
    const FakeNode::Child child = node.MakeChild(FakeNode::kMiB);
    const std::function<Answer()> call = GetParam().prepare(node, child);
    const uint64_t most = child.process->quota.limit() - child.process->quota.used();
    const uint64_t held = most - spare;
    ASSERT_EQ(child.process->quota.Charge(held), Status::kOk);
    const Answer answer = call();
    if (!answer.ok()) EXPECT_TRUE(IsExhaustion(answer.status)) << answer.status;
    EXPECT_LE(child.process->quota.used(), child.process->quota.limit());
    node.Settle();
    child.process->quota.Refund(held);
    if (!answer.ok()) EXPECT_TRUE(call().ok()) << "with memory it works";
    node.Kill(child);
    node.Do(Call::kHandleClose, {child.handle});
    node.Settle();
    ASSERT_EQ(node.GetUsage(), empty) << spare;
    if (answer.ok()) break;
  }
}

INSTANTIATE_TEST_SUITE_P(Calls, ExhaustionTest, ::testing::ValuesIn(Scenarios()),
                         [](const auto& info) { return info.param.name; });

TEST(ProcessCreateTest, NoMemoryAtEveryPoint) {
  FakeNode node;
  FillCapabilityPage(node, node.root());
  const FakeNode::Usage before = node.GetUsage();
  for (uint64_t pages = 0;; ++pages) {
    ASSERT_LT(pages, kMostPages);
    node.LeavePages(pages);
    const Answer answer = node.Call(node.root_thread(), Call::kProcessCreate, {FakeNode::kMiB});
    node.Settle();
    if (answer.ok()) {
      node.Kill({.handle = answer.value[0]});
      node.Do(Call::kHandleClose, {answer.value[0]});
      node.Settle();
      node.GiveBackPages();
      EXPECT_EQ(node.GetUsage(), before);
      break;
    }
    EXPECT_EQ(answer.status, Status::kNoMemory);
    EXPECT_EQ(node.node().pages.free_pages(), pages);
    node.GiveBackPages();
    ASSERT_EQ(node.GetUsage(), before) << pages;
  }
}

TEST(ProcessCreateTest, QuotaTooSmallForItself) {
  FakeNode node;
  const FakeNode::Usage before = node.GetUsage();
  for (uint64_t pages = 1; pages < 8; ++pages) {
    const Answer answer = node.Call(node.root_thread(), Call::kProcessCreate, {pages * kPageSize});
    if (answer.ok()) {
      EXPECT_GE(pages, 2u);
      node.Kill({.handle = answer.value[0]});
      node.Do(Call::kHandleClose, {answer.value[0]});
    } else {
      EXPECT_EQ(answer.status, Status::kQuotaExceeded);
    }
    node.Settle();
    ASSERT_EQ(node.GetUsage(), before);
  }
}

}  // namespace
}  // namespace bulkhead
