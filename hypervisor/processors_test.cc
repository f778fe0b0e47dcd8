// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// Several processors on the fake machine: what one does to a thread or a guest of another.

#include "arch/upcalls.h"
#include "gtest/gtest.h"
#include "hypervisor/cross_call.h"
#include "hypervisor/testing/fake_node.h"

namespace bulkhead {
namespace {

using testing::Answer;
using testing::Call;
using testing::FakeNode;

class ProcessorsTest : public ::testing::Test {
 protected:
  // A process with a thread on the second CPU, which has been chosen there.
  FakeNode::Child MakeOnSecond() {
    FakeNode::Child child;
    child.handle = node_.Do(Call::kProcessCreate, {2 * FakeNode::kMiB});
    child.process = &node_.Get<Process>(node_.root(), child.handle);
    node_.Share(child.handle, 1);
    child.thread = &node_.MakeThread(child.handle, 3, 1);
    EXPECT_TRUE(node_.Turn(second_));
    node_.On(first_);
    EXPECT_EQ(second_.scheduler.current(), child.thread);
    return child;
  }
  uint64_t kicks() { return node_.machine().kicks; }

  FakeNode node_;
  Cpu& first_ = node_.node().boot_cpu;
  Cpu& second_ = node_.AddCpu();
};

TEST_F(ProcessorsTest, ThreadsOnlyWhereTheProcessHasAShare) {
  const uint64_t handle = node_.Do(Call::kProcessCreate, {FakeNode::kMiB});
  const auto status = [&](uint64_t cpu) {
    return node_.StatusOf(Call::kThreadCreate, {handle, 0x1000, 0x8000, 0, 1, cpu});
  };
  EXPECT_EQ(status(0), Status::kDenied);
  node_.Share(handle, 1);
  EXPECT_EQ(status(0), Status::kDenied);
  EXPECT_EQ(status(1), Status::kOk);
  EXPECT_EQ(status(2), Status::kInvalidArgument) << "there are two";
}

TEST_F(ProcessorsTest, AnIdleOneIsKickedOnce) {
  const FakeNode::Child child = MakeOnSecond();
  const uint64_t event = node_.Do(Call::kEventCreate);
  const uint64_t handle = node_.Grant(child, event);
  node_.On(second_);
  EXPECT_TRUE(node_.Call(*child.thread, Call::kEventWait, {handle, abi::kNever}).pending);
  EXPECT_FALSE(node_.Turn(second_)) << "nothing to run";
  node_.On(first_);
  const uint64_t before = kicks();
  node_.Do(Call::kEventSignal, {event, 1});
  EXPECT_EQ(kicks(), before + 1);
  // It has not looked yet: another thread that becomes ready there is seen at the same time.
  node_.MakeThread(child.handle, 3, 1);
  EXPECT_EQ(kicks(), before + 1);
  EXPECT_TRUE(node_.Turn(second_));
  EXPECT_EQ(second_.scheduler.current(), child.thread);
}

TEST_F(ProcessorsTest, AThreadThatRunsElsewhereIsBuriedThere) {
  const FakeNode::Usage before = node_.GetUsage();
  const FakeNode::Child child = MakeOnSecond();
  const uint64_t event = node_.Do(Call::kEventCreate);
  node_.Do(Call::kProcessControl,
           {child.handle, static_cast<uint64_t>(abi::ProcessOperation::kWatch), event, 4});
  node_.Kill(child);
  EXPECT_EQ(child.process->stopping, 1u);
  node_.Settle();
  EXPECT_EQ(second_.scheduler.current(), child.thread) << "it may be in user mode still";
  EXPECT_EQ(node_.Get<Event>(node_.root(), event).bits, 0u) << "nobody is told before it is so";
  EXPECT_FALSE(node_.Turn(second_));
  EXPECT_EQ(second_.scheduler.current(), nullptr);
  EXPECT_EQ(second_.space, nullptr);
  node_.On(first_);
  EXPECT_EQ(node_.Do(Call::kEventWait, {event, 0}), 4u);
  node_.Do(Call::kHandleClose, {event});
  node_.Do(Call::kHandleClose, {child.handle});
  node_.Settle();
  EXPECT_EQ(node_.GetUsage(), before);
}

// It was killed while it was on its way into the hypervisor.
TEST_F(ProcessorsTest, ACallOfADeadThreadIsNotCarriedOut) {
  const FakeNode::Child child = MakeOnSecond();
  const uint64_t event = node_.Do(Call::kEventCreate);
  const uint64_t handle = node_.Grant(child, event);
  node_.Kill(child);
  node_.On(second_);
  child.thread->context.r[0] = static_cast<uint64_t>(Call::kEventSignal);
  child.thread->context.r[1] = handle;
  child.thread->context.r[2] = 1;
  EXPECT_THROW(arch::HandleCall(child.thread->context), arch::fake::Idle);
  EXPECT_EQ(node_.Get<Event>(node_.root(), event).bits, 0u);
}

TEST_F(ProcessorsTest, UnmappingIsSeenEverywhere) {
  const FakeNode::Child child = MakeOnSecond();
  const uint64_t memory = node_.Do(Call::kMemoryCreate, {kPageSize});
  node_.Do(Call::kProcessMap,
           {child.handle, 0x10000, memory, 0, kPageSize, abi::kRead | abi::kWrite});
  EXPECT_EQ(second_.space, child.process);
  const uint64_t before = kicks();
  node_.Do(Call::kProcessMap, {child.handle, 0x10000, memory, 0, kPageSize, 0});
  EXPECT_EQ(kicks(), before + 1);
  EXPECT_EQ(second_.space, nullptr) << "it loads the tables anew before it goes back";
}

TEST_F(ProcessorsTest, WorkIsDoneOnTheCpuItIsFor) {
  struct Seen {
    Cpu* on = nullptr;
  } seen;
  const auto look = [](Cpu& cpu, void* argument) {
    EXPECT_EQ(&cpu, &ThisCpu());
    static_cast<Seen*>(argument)->on = &cpu;
  };
  RunOn(second_, look, &seen);
  EXPECT_EQ(seen.on, &second_);
  EXPECT_EQ(&ThisCpu(), &first_);
  const uint64_t before = kicks();
  RunOn(first_, look, &seen);
  EXPECT_EQ(seen.on, &first_);
  EXPECT_EQ(kicks(), before) << "nobody has to be asked";
}

}  // namespace
}  // namespace bulkhead
