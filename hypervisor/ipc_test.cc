// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// Events, channels, and processes that end while somebody waits.

#include <vector>

#include "arch/upcalls.h"
#include "gtest/gtest.h"
#include "hypervisor/event.h"
#include "hypervisor/testing/fake_node.h"

namespace bulkhead {
namespace {

using abi::Call;
using testing::Answer;
using testing::FakeNode;

class IpcTest : public ::testing::Test {
 protected:
  Answer Wait(Thread& thread, uint64_t event, uint64_t deadline = abi::kNever) {
    return node_.Call(thread, Call::kEventWait, {event, deadline});
  }
  Answer Receive(Thread& thread, uint64_t channel, uint64_t r0 = 0, uint64_t r1 = 0,
                 uint64_t r2 = 0) {
    return node_.Call(thread, Call::kChannelReceive, {channel, r0, r1, r2});
  }
  static Answer Now(const Thread& thread) { return FakeNode::Registers(thread); }
  uint64_t Operation(abi::ProcessOperation operation) { return static_cast<uint64_t>(operation); }

  FakeNode node_;
  FakeNode::Child child_ = node_.MakeChild(FakeNode::kMiB);
  Thread& thread_ = *child_.thread;
};

TEST_F(IpcTest, BitsStickUntilTaken) {
  const uint64_t event = node_.Do(Call::kEventCreate);
  EXPECT_EQ(Wait(node_.root_thread(), event, 0).status, Status::kTimedOut);
  node_.Do(Call::kEventSignal, {event, 1});
  node_.Do(Call::kEventSignal, {event, 1});
  node_.Do(Call::kEventSignal, {event, uint64_t{1} << 63});
  EXPECT_EQ(Wait(node_.root_thread(), event, 0).value[0], uint64_t{1} << 63 | 1);
  EXPECT_EQ(Wait(node_.root_thread(), event, 0).status, Status::kTimedOut);
}

TEST_F(IpcTest, SignalWakesTheFirstWhoWaits) {
  const uint64_t event = node_.Do(Call::kEventCreate);
  const uint64_t handle = node_.Grant(child_, event);
  std::vector<Thread*> waiters;
  for (int i = 0; i < 3; ++i) {
    waiters.push_back(&node_.MakeThread(child_.handle));
    EXPECT_TRUE(Wait(*waiters.back(), handle).pending);
  }
  node_.Do(Call::kEventSignal, {event, 0});  // no bit: nobody wakes
  EXPECT_TRUE(Now(*waiters[0]).pending);
  for (uint64_t i = 0; i < 3; ++i) {
    node_.Do(Call::kEventSignal, {event, i + 1});
    EXPECT_TRUE(Now(*waiters[i]).ok());
    EXPECT_EQ(Now(*waiters[i]).value[0], i + 1);
    if (i < 2) EXPECT_TRUE(Now(*waiters[i + 1]).pending);
  }
  node_.Do(Call::kEventSignal, {event, 8});
  EXPECT_EQ(Wait(thread_, handle).value[0], 8u);
}

TEST_F(IpcTest, WaitsTimeOut) {
  const uint64_t event = node_.Grant(child_, node_.Do(Call::kEventCreate));
  const uint64_t now = node_.machine().now;
  EXPECT_EQ(Wait(thread_, event, now).status, Status::kTimedOut);
  EXPECT_TRUE(Wait(thread_, event, now + 50).pending);
  EXPECT_EQ(ChooseThread(node_.node(), node_.node().boot_cpu, now), &node_.root_thread());
  EXPECT_EQ(node_.machine().timer, now + 50);
  EXPECT_TRUE(node_.node().boot_cpu.scheduler.settled());
  node_.machine().now = now + 49;
  arch::HandleTimer();
  EXPECT_FALSE(node_.node().boot_cpu.scheduler.settled()) << "the timer has to be set again";
  EXPECT_TRUE(Now(thread_).pending);
  node_.machine().now = now + 50;
  node_.Turn(node_.node().boot_cpu);
  EXPECT_EQ(Now(thread_).status, Status::kTimedOut);
  EXPECT_FALSE(Now(thread_).pending);
  // It does not wait any more: the bits stay.
  EXPECT_TRUE(node_.Get<Event>(*child_.process, event).waiters.empty());
}

TEST_F(IpcTest, SignalBeforeTheDeadlineCancelsIt) {
  const uint64_t event = node_.Do(Call::kEventCreate);
  const uint64_t handle = node_.Grant(child_, event);
  EXPECT_TRUE(Wait(thread_, handle, node_.machine().now + 50).pending);
  node_.Do(Call::kEventSignal, {event, 4});
  EXPECT_EQ(node_.node().boot_cpu.timeouts.Next(), abi::kNever);
  EXPECT_EQ(Now(thread_).value[0], 4u);
}

TEST_F(IpcTest, EventOutlivesItsHandlesWhileSomebodyWaits) {
  const FakeNode::Usage before = node_.GetUsage();
  const uint64_t event = node_.Do(Call::kEventCreate);
  const uint64_t handle = node_.Grant(child_, event);
  const uint64_t deadline = node_.machine().now + 10;
  EXPECT_TRUE(Wait(thread_, handle, deadline).pending);
  node_.Do(Call::kHandleClose, {event});
  Thread& other = node_.MakeThread(child_.handle);
  EXPECT_TRUE(node_.Call(other, Call::kHandleClose, {handle}).ok());
  node_.Settle();
  node_.machine().now = deadline;
  node_.Turn(node_.node().boot_cpu);
  EXPECT_EQ(Now(thread_).status, Status::kTimedOut);
  node_.Settle();
  EXPECT_LE(before.free_pages - node_.GetUsage().free_pages, 2u);
}

TEST_F(IpcTest, InterruptSetsBits) {
  const uint64_t event = node_.Do(Call::kEventCreate);
  const Answer message = node_.Call(node_.root_thread(), Call::kEventInterrupt, {event, 0x30});
  ASSERT_TRUE(message.ok());
  arch::HandleInterrupt(static_cast<unsigned>(message.value[1]) + 1);  // another's
  EXPECT_EQ(Wait(node_.root_thread(), event, 0).status, Status::kTimedOut);
  arch::HandleInterrupt(static_cast<unsigned>(message.value[1]));
  EXPECT_EQ(Wait(node_.root_thread(), event, 0).value[0], 0x30u);
  node_.Do(Call::kHandleClose, {event});
  node_.Settle();
  arch::HandleInterrupt(static_cast<unsigned>(message.value[1]));
  while (node_.Call(node_.root_thread(), Call::kEventInterrupt, {node_.Do(Call::kEventCreate), 1})
             .ok()) {
  }
  EXPECT_EQ(node_.StatusOf(Call::kEventInterrupt, {node_.Do(Call::kEventCreate), 1}),
            Status::kNoMemory);
}

class ChannelTest : public IpcTest {
 protected:
  // Owned by the child; the root task and `caller_` call.
  uint64_t channel_ = node_.Call(thread_, Call::kChannelCreate).value[0];
  Channel& object_ = node_.Get<Channel>(*child_.process, channel_);
  FakeNode::Child caller_process_ = node_.MakeChild(FakeNode::kMiB);
  Thread& caller_ = *caller_process_.thread;

  uint64_t HandleFor(const FakeNode::Child& to, uint64_t badge) {
    // By way of the root task, which has control of both.
    const Result<uint64_t> handle = Copy(to, badge);
    EXPECT_TRUE(handle.ok());
    return *handle;
  }
  Result<uint64_t> Copy(const FakeNode::Child& to, uint64_t badge) {
    Retain(object_);
    return to.process->capabilities.Insert(
        {.object = &object_, .rights = abi::kSignal, .badge = badge}, to.process->arena);
  }
  Answer CallThrough(Thread& caller, uint64_t handle, uint64_t word) {
    return node_.Call(caller, Call::kChannelCall, {handle, word, word + 1, word + 2});
  }
};

TEST_F(ChannelTest, CallAndReply) {
  const uint64_t handle = HandleFor(caller_process_, 77);
  EXPECT_TRUE(Receive(thread_, channel_).pending);
  EXPECT_TRUE(CallThrough(caller_, handle, 10).pending);
  const Answer received = Now(thread_);
  ASSERT_TRUE(received.ok());
  EXPECT_EQ(received.value, (std::array<uint64_t, 4>{10, 11, 12, 77}));
  EXPECT_TRUE(Receive(thread_, channel_, 20, 21, 22).pending);
  const Answer reply = Now(caller_);
  ASSERT_TRUE(reply.ok());
  EXPECT_EQ(reply.value[0], 20u);
  EXPECT_EQ(reply.value[1], 21u);
  EXPECT_EQ(reply.value[2], 22u);
}

TEST_F(ChannelTest, CallersQueueInOrderEachWithItsBadge) {
  std::vector<Thread*> callers;
  for (uint64_t i = 0; i < 4; ++i) {
    callers.push_back(&node_.MakeThread(caller_process_.handle));
    EXPECT_TRUE(CallThrough(*callers[i], HandleFor(caller_process_, 100 + i), i * 10).pending);
  }
  for (uint64_t i = 0; i < 4; ++i) {
    const Answer received = Receive(thread_, channel_, 1000 + i);
    ASSERT_TRUE(received.ok());
    EXPECT_EQ(received.value[0], i * 10);
    EXPECT_EQ(received.value[3], 100 + i);
    EXPECT_TRUE(Now(*callers[i]).pending);
    if (i > 0) EXPECT_EQ(Now(*callers[i - 1]).value[0], 1000 + i);
  }
  EXPECT_TRUE(Receive(thread_, channel_, 1).pending);
  EXPECT_TRUE(Now(*callers[3]).ok());
}

TEST_F(ChannelTest, OneReceiverAndOnlyTheOwner) {
  EXPECT_TRUE(Receive(thread_, channel_).pending);
  EXPECT_EQ(Receive(node_.MakeThread(child_.handle), channel_).status, Status::kBusy);
  Retain(object_);
  const uint64_t handle = *caller_process_.process->capabilities.Insert(
      {.object = &object_, .rights = abi::kAllRights}, caller_process_.process->arena);
  EXPECT_EQ(Receive(caller_, handle).status, Status::kDenied);
}

TEST_F(ChannelTest, OwnerEnds) {
  const uint64_t handle = HandleFor(caller_process_, 1);
  Thread& queued = node_.MakeThread(caller_process_.handle);
  EXPECT_TRUE(CallThrough(caller_, handle, 1).pending);
  EXPECT_TRUE(Receive(thread_, channel_).ok());
  EXPECT_TRUE(CallThrough(queued, handle, 2).pending);
  node_.Kill(child_);
  EXPECT_EQ(CallThrough(node_.MakeThread(caller_process_.handle), handle, 1).status,
            Status::kEnded);
  node_.Settle();
  for (Thread* waiting : {&caller_, &queued}) {
    EXPECT_FALSE(Now(*waiting).pending);
    EXPECT_EQ(Now(*waiting).status, Status::kEnded);
  }
  EXPECT_EQ(CallThrough(caller_, handle, 1).status, Status::kEnded);
}

TEST_F(ChannelTest, OwnerEndsAfterClosingItsHandle) {
  const uint64_t handle = HandleFor(caller_process_, 1);
  EXPECT_TRUE(CallThrough(caller_, handle, 1).pending);
  EXPECT_TRUE(node_.Call(thread_, Call::kHandleClose, {channel_}).ok());
  EXPECT_TRUE(Now(caller_).pending);
  node_.Kill(child_);
  node_.Settle();
  EXPECT_EQ(Now(caller_).status, Status::kEnded);
  EXPECT_FALSE(Now(caller_).pending);
}

TEST_F(ChannelTest, CallerEndsWhileQueuedAndWhileBeingAnswered) {
  const uint64_t handle = HandleFor(caller_process_, 1);
  const FakeNode::Child other = node_.MakeChild(FakeNode::kMiB);
  const uint64_t other_handle = HandleFor(other, 2);
  EXPECT_TRUE(CallThrough(caller_, handle, 1).pending);
  EXPECT_EQ(Receive(thread_, channel_).value[3], 1u);
  EXPECT_TRUE(CallThrough(node_.MakeThread(caller_process_.handle), handle, 3).pending);
  EXPECT_TRUE(CallThrough(*other.thread, other_handle, 5).pending);
  node_.Kill(caller_process_);
  node_.Settle();
  // The reply is for nobody; the next call is that of the one who lives.
  const Answer received = Receive(thread_, channel_, 99);
  ASSERT_TRUE(received.ok());
  EXPECT_EQ(received.value[3], 2u);
  EXPECT_TRUE(Now(*other.thread).pending);
  EXPECT_TRUE(Receive(thread_, channel_, 55).pending);
  EXPECT_EQ(Now(*other.thread).value[0], 55u);
}

TEST_F(ChannelTest, ChannelOfOnesOwn) {
  // A thread that calls itself waits until it is ended.
  EXPECT_TRUE(CallThrough(thread_, channel_, 1).pending);
  node_.Kill(child_);
  EXPECT_EQ(thread_.state, Thread::State::kDead);
  node_.Settle();
}

class EndTest : public IpcTest {
 protected:
  uint64_t Event() { return node_.Do(Call::kEventCreate); }
  Status Watch(uint64_t event, uint64_t bits) {
    return node_.StatusOf(Call::kProcessControl,
                          {child_.handle, Operation(abi::ProcessOperation::kWatch), event, bits});
  }
  Answer StatusOfChild() {
    return node_.Call(node_.root_thread(), Call::kProcessControl,
                      {child_.handle, Operation(abi::ProcessOperation::kStatus)});
  }
};

TEST_F(EndTest, WatcherIsTold) {
  const uint64_t event = Event();
  EXPECT_EQ(Watch(event, 6), Status::kOk);
  EXPECT_EQ(Watch(event, 1), Status::kExists);
  EXPECT_EQ(StatusOfChild().value[0], static_cast<uint64_t>(abi::ProcessEnd::kRunning));
  EXPECT_TRUE(node_.Call(thread_, Call::kProcessExit, {42}).pending);
  EXPECT_EQ(Wait(node_.root_thread(), event, 0).value[0], 6u);
  EXPECT_EQ(StatusOfChild().value[0], static_cast<uint64_t>(abi::ProcessEnd::kExited));
  EXPECT_EQ(StatusOfChild().value[1], 42u);
  node_.Settle();
  EXPECT_EQ(StatusOfChild().value[1], 42u);
  // Watching what has ended tells at once.
  EXPECT_EQ(Watch(event, 9), Status::kOk);
  EXPECT_EQ(Wait(node_.root_thread(), event, 0).value[0], 9u);
}

TEST_F(EndTest, WatchNeedsAnEventWithSignal) {
  EXPECT_EQ(Watch(12345, 1), Status::kBadHandle);
  EXPECT_EQ(Watch(abi::kSelf, 1), Status::kBadHandle);
  const uint64_t handle = node_.Grant(child_, Event(), abi::kWait);
  EXPECT_EQ(node_
                .Call(thread_, Call::kProcessControl,
                      {abi::kSelf, Operation(abi::ProcessOperation::kWatch), handle, 1})
                .status,
            Status::kDenied);
}

TEST_F(EndTest, FaultIsReportedAndLogged) {
  ASSERT_EQ(Watch(Event(), 1), Status::kOk);
  Thread* chosen = &node_.root_thread();
  EXPECT_TRUE(Wait(*chosen, Event()).pending);
  ASSERT_EQ(ChooseThread(node_.node(), node_.node().boot_cpu, node_.machine().now), &thread_);
  thread_.context.fault = 14;
  EXPECT_THROW(arch::HandleUserFault(thread_.context, 0xbad), arch::fake::Idle);
  EXPECT_EQ(child_.process->end, abi::ProcessEnd::kFaulted);
  EXPECT_EQ(child_.process->end_code, 14u);
  EXPECT_EQ(child_.process->end_address, 0xbadu);
  EXPECT_NE(node_.machine().log.find("fault"), std::string::npos);
}

TEST_F(EndTest, EndedProcessTakesNothingMore) {
  node_.Kill(child_);
  EXPECT_EQ(node_.StatusOf(Call::kHandleGrant, {child_.handle, Event(), 0, 0}), Status::kEnded);
  EXPECT_EQ(node_.StatusOf(Call::kThreadCreate, {child_.handle, 0x1000, 0, 0, 0}), Status::kEnded);
  const uint64_t memory = node_.Do(Call::kMemoryCreate, {kPageSize});
  EXPECT_EQ(
      node_.StatusOf(Call::kProcessMap, {child_.handle, 0x1000, memory, 0, kPageSize, abi::kRead}),
      Status::kEnded);
  node_.Kill(child_);  // twice is harmless
  EXPECT_EQ(StatusOfChild().value[0], static_cast<uint64_t>(abi::ProcessEnd::kKilled));
}

TEST_F(EndTest, KillsItself) {
  // Through the capability for itself, with another thread waiting.
  Thread& waiting = node_.MakeThread(child_.handle);
  const uint64_t event = node_.Grant(child_, Event());
  EXPECT_TRUE(Wait(waiting, event, 100000).pending);
  ASSERT_EQ(ChooseThread(node_.node(), node_.node().boot_cpu, node_.machine().now),
            &node_.root_thread());
  node_.Call(thread_, Call::kProcessControl, {abi::kSelf, Operation(abi::ProcessOperation::kKill)});
  EXPECT_EQ(thread_.state, Thread::State::kDead);
  EXPECT_EQ(waiting.state, Thread::State::kDead);
  EXPECT_EQ(node_.node().boot_cpu.timeouts.Next(), abi::kNever);
}

TEST_F(EndTest, WhoWatchesItselfWithItsOwnEventIsNotKept) {
  const FakeNode::Usage before = node_.GetUsage();
  const FakeNode::Child child = node_.MakeChild(FakeNode::kMiB);
  const uint64_t event = node_.Call(*child.thread, Call::kEventCreate).value[0];
  EXPECT_TRUE(node_
                  .Call(*child.thread, Call::kProcessControl,
                        {abi::kSelf, Operation(abi::ProcessOperation::kWatch), event, 1})
                  .ok());
  node_.Call(*child.thread, Call::kProcessExit);
  node_.Do(Call::kHandleClose, {child.handle});
  node_.Settle();
  EXPECT_EQ(node_.GetUsage(), before);
}

// A thread that spins alone must not keep the reaper from its work.
TEST_F(EndTest, ReaperGoesOnWhileAThreadRunsAlone) {
  for (int i = 0; i < 200; ++i) node_.Call(thread_, Call::kEventCreate);
  ASSERT_EQ(ChooseThread(node_.node(), node_.node().boot_cpu, node_.machine().now),
            &node_.root_thread());
  node_.Kill(child_);
  int turns = 0;
  while (!node_.node().reaper.idle()) {
    ASSERT_EQ(ChooseThread(node_.node(), node_.node().boot_cpu, node_.machine().now),
              &node_.root_thread());
    if (node_.node().reaper.idle()) break;
    ASSERT_NE(node_.machine().timer, abi::kNever) << "nothing would ever come back here";
    node_.machine().now = node_.machine().timer;
    ASSERT_LT(++turns, 1000);
  }
  EXPECT_EQ(node_.machine().timer, abi::kNever);
}

TEST_F(EndTest, MainLoopEntersAndLeavesAddressSpaces) {
  // From a call of the root task to the root task again.
  ASSERT_EQ(ChooseThread(node_.node(), node_.node().boot_cpu, node_.machine().now),
            &node_.root_thread());
  const uint64_t event = Event();
  auto& context = node_.root_thread().context;
  context.r[0] = static_cast<uint64_t>(Call::kEventSignal);
  context.r[1] = event;
  context.r[2] = 1;
  EXPECT_THROW(arch::HandleCall(context), arch::fake::BackToUser);
  EXPECT_EQ(context.r[0], 0u);
  EXPECT_EQ(node_.machine().active_root, node_.root().space.root());
  // It waits: the child runs in its own space. It ends: the machine idles in the hypervisor's.
  const uint64_t other = Event();
  context.r[0] = static_cast<uint64_t>(Call::kEventWait);
  context.r[1] = other;
  context.r[2] = abi::kNever;
  EXPECT_THROW(arch::HandleCall(context), arch::fake::BackToUser);
  EXPECT_EQ(node_.machine().active_root, child_.process->space.root());
  thread_.context.r[0] = static_cast<uint64_t>(Call::kProcessExit);
  EXPECT_THROW(arch::HandleCall(thread_.context), arch::fake::Idle);
  EXPECT_EQ(node_.machine().active_root, arch::KernelRoot());
  EXPECT_TRUE(node_.node().reaper.idle());
}

TEST_F(EndTest, UnknownCall) {
  thread_.context.r[0] = abi::kCallCount;
  EXPECT_EQ(DispatchCall(node_.node(), thread_, thread_.context).status, Status::kNotSupported);
  thread_.context.r[0] = ~uint64_t{0};
  EXPECT_EQ(DispatchCall(node_.node(), thread_, thread_.context).status, Status::kNotSupported);
}

}  // namespace
}  // namespace bulkhead
