// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// Every byte comes back: processes with everything they can have, made and ended in random order.

#include <random>
#include <vector>

#include "arch/vcpu.h"
#include "gtest/gtest.h"
#include "hypervisor/testing/fake_node.h"

namespace bulkhead {
namespace {

using abi::Call;
using testing::Answer;
using testing::FakeNode;

constexpr uint64_t kQuota = 512 * 1024;

class LifecycleTest : public ::testing::Test {
 protected:
  // A process with threads, memory mapped in both kinds of space, machines, vCPUs, events and
  // channels, and threads that wait everywhere. What does not fit its quota is left out.
  FakeNode::Child MakeBusyChild() {
    const FakeNode::Child child = node_.MakeChild(kQuota);
    Thread& main = *child.thread;
    const auto call = [&](Call number, std::initializer_list<uint64_t> arguments = {}) {
      return node_.Call(main, number, arguments).value[0];
    };
    const uint64_t pages = 1 + random_() % 40;
    const uint64_t memory = call(Call::kMemoryCreate, {pages * kPageSize});
    call(Call::kProcessMap, {abi::kSelf, random_() % 1000 * kSuperpageSize, memory, 0,
                             pages * kPageSize, abi::kRead | abi::kWrite});
    const uint64_t vm = call(Call::kVmCreate);
    call(Call::kVmMap, {vm, 0, memory, 0, pages * kPageSize, abi::kRead});
    const uint64_t vcpu = call(Call::kVcpuCreate, {vm, 0, memory});
    call(Call::kVcpuCreate, {vm, 1, memory});
    const uint64_t event = call(Call::kEventCreate);
    const uint64_t channel = call(Call::kChannelCreate);
    if (random_() % 2 == 0) {
      call(Call::kProcessControl,
           {abi::kSelf, static_cast<uint64_t>(abi::ProcessOperation::kWatch), event, 1});
    }
    if (random_() % 2 == 0) node_.Call(Spawn(child), Call::kEventWait, {event, abi::kNever});
    if (random_() % 2 == 0) node_.Call(Spawn(child), Call::kEventWait, {event, random_()});
    if (random_() % 2 == 0) node_.Call(Spawn(child), Call::kChannelReceive, {channel});
    if (random_() % 2 == 0) node_.Call(Spawn(child), Call::kChannelCall, {channel});
    if (random_() % 2 == 0) node_.Call(Spawn(child), Call::kVcpuRun, {vcpu});
    if (random_() % 2 == 0) Spawn(child);
    for (uint64_t handle = 1; handle < 10; ++handle) {
      if (random_() % 4 == 0) call(Call::kHandleClose, {handle});
    }
    return child;
  }
  Thread& Spawn(const FakeNode::Child& child) { return node_.MakeThread(child.handle); }
  void Turn() {
    node_.machine().now += random_() % 2000;
    Thread* thread = ChooseThread(node_.node(), node_.node().boot_cpu, node_.machine().now);
    if (thread != nullptr && thread->vcpu != nullptr) node_.RunGuest(*thread);
  }
  // The root task's own thread waits, so that others are chosen.
  void StandAside() {
    node_.Call(node_.root_thread(), Call::kEventWait, {node_.Do(Call::kEventCreate), abi::kNever});
  }

  FakeNode node_{32 * FakeNode::kMiB};
  std::mt19937 random_{1};
};

TEST_F(LifecycleTest, AThousandProcessesLeaveNothing) {
  StandAside();
  node_.machine().guest = [&](arch::Vcpu& guest, abi::VcpuState&) {
    if (random_() % 4 == 0) guest.SetDeadline(node_.machine().now + random_() % 3000);
    guest.SetSent({.request = random_(), .interrupt = random_() % 256});
    return static_cast<arch::RunOutcome>(random_() % 4);
  };
  const FakeNode::Usage before = node_.GetUsage();
  std::vector<FakeNode::Child> alive;
  for (int i = 0; i < 1000; ++i) {
    alive.push_back(MakeBusyChild());
    for (int turn = random_() % 5; turn > 0; --turn) Turn();
    // Processes hold each other's channels and call through them.
    if (alive.size() > 1 && random_() % 2 == 0) {
      const FakeNode::Child& server = alive[random_() % alive.size()];
      const FakeNode::Child& client = alive.back();
      for (uint64_t handle = 1; handle < 10; ++handle) {
        Capability* capability = server.process->capabilities.Find(handle);
        if (capability == nullptr) continue;
        Object& object = *capability->object;
        if (object.kind() == ObjectKind::kProcess) continue;
        Retain(object);
        const Result<uint64_t> copy = client.process->capabilities.Insert(
            {.object = &object, .rights = abi::kAllRights, .badge = handle}, client.process->arena);
        if (!copy.ok()) {
          Release(node_.node(), object);
          continue;
        }
        if (object.kind() == ObjectKind::kChannel) {
          node_.Call(Spawn(client), Call::kChannelCall, {*copy});
        }
      }
    }
    while (alive.size() > 12 || (!alive.empty() && random_() % 3 == 0)) {
      const size_t index = random_() % alive.size();
      if (random_() % 2 == 0) {
        node_.Kill(alive[index]);
      } else {
        EndProcess(node_.node(), *alive[index].process, abi::ProcessEnd::kExited, 1, 0);
      }
      if (random_() % 2 == 0) node_.Settle();
      node_.Do(Call::kHandleClose, {alive[index].handle});
      alive.erase(alive.begin() + static_cast<ptrdiff_t>(index));
    }
    ASSERT_LE(node_.root().quota.used(), node_.root().quota.limit());
  }
  for (const FakeNode::Child& child : alive) {
    node_.Kill(child);
    node_.Do(Call::kHandleClose, {child.handle});
  }
  node_.Settle();
  EXPECT_EQ(node_.GetUsage(), before);
  EXPECT_EQ(node_.node().boot_cpu.loaded_vcpu, nullptr);
  EXPECT_EQ(ChooseThread(node_.node(), node_.node().boot_cpu, abi::kNever - 1), nullptr);
}

// A process that was made and never started.
TEST_F(LifecycleTest, NeverStarted) {
  const FakeNode::Usage before = node_.GetUsage();
  const uint64_t handle = node_.Do(Call::kProcessCreate, {kQuota});
  node_.Do(Call::kProcessControl, {handle, static_cast<uint64_t>(abi::ProcessOperation::kKill)});
  node_.Do(Call::kHandleClose, {handle});
  node_.Settle();
  EXPECT_EQ(node_.GetUsage(), before);
}

TEST_F(LifecycleTest, EveryStepOfTheReaperIsSmall) {
  const FakeNode::Child child = node_.MakeChild(16 * FakeNode::kMiB);
  node_.Fragment();
  const uint64_t memory =
      node_.Call(*child.thread, Call::kMemoryCreate, {8 * FakeNode::kMiB}).value[0];
  for (uint64_t done = 0; done < 8 * FakeNode::kMiB;) {
    const Answer answer = node_.Call(*child.thread, Call::kProcessMap,
                                     {abi::kSelf, 0, memory, 0, 8 * FakeNode::kMiB, abi::kRead});
    ASSERT_TRUE(answer.ok());
    done = answer.value[0];
  }
  node_.Kill(child);
  int steps = 0;
  while (!node_.node().reaper.idle()) {
    const uint64_t free = node_.node().pages.free_pages();
    node_.node().reaper.Step(node_.node());
    ASSERT_LE(node_.node().pages.free_pages() - free, 8u) << "a page, or a process's table pages";
    ++steps;
  }
  EXPECT_GT(steps, 2048);
}

}  // namespace
}  // namespace bulkhead
