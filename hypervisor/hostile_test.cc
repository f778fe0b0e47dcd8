// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// A hostile process makes random calls, among them sensible ones. It must not crash the hypervisor,
// use more than its quota, or leave anything behind; the totals and the rights of others stay.

#include <array>
#include <random>
#include <set>
#include <vector>

#include "arch/vcpu.h"
#include "gtest/gtest.h"
#include "hypervisor/testing/call_arguments.h"
#include "hypervisor/testing/fake_node.h"

namespace bulkhead {
namespace {

using abi::Call;
using testing::Answer;
using testing::Argument;
using testing::FakeNode;

constexpr uint32_t kSeeds = 60;

class HostileTest : public ::testing::TestWithParam<uint32_t> {
 protected:
  // How often each call did something, in all seeds: a test of refusals only would prove little.
  static inline std::array<uint64_t, abi::kCallCount> succeeded = {};
  static inline uint32_t seeds = 0;

  HostileTest() { ++seeds; }
  static void TearDownTestSuite() {
    if (seeds < kSeeds) return;  // a part was asked for
    for (uint64_t i = 0; i < abi::kCallCount; ++i) {
      const auto call = static_cast<Call>(i);
      const bool never = call == Call::kProcessCreate || call == Call::kMemoryPhysical ||
                         call == Call::kEventInterrupt || call == Call::kSystemControl;
      EXPECT_EQ(succeeded[i] == 0, never) << abi::kCallNames[i];
    }
  }

  uint64_t Word() {
    static constexpr uint64_t kWords[] = {0,
                                          1,
                                          2,
                                          3,
                                          5,
                                          7,
                                          64,
                                          0xff,
                                          kPageSize,
                                          2 * kPageSize,
                                          16 * kPageSize,
                                          kPageSize - 1,
                                          kSuperpageSize,
                                          kSuperpageSize + kPageSize,
                                          2 * kSuperpageSize,
                                          abi::kUserTop - kPageSize,
                                          abi::kUserTop,
                                          uint64_t{1} << 63,
                                          ~uint64_t{0},
                                          ~uint64_t{0} - kPageSize + 1};
    switch (random_() % 4) {
      case 0:
        return kWords[random_() % std::size(kWords)];
      case 1:
        return random_() % 24;
      case 2:
        return random_() % 64 * kPageSize;
      default:
        return random_() % 2 == 0 ? random_() % 8 : random_();
    }
  }

  // A handle that the process has, of the right kind if there is one.
  uint64_t Handle(const Process& process, ObjectKind kind) {
    std::vector<uint64_t> fitting;
    for (uint64_t handle = 0; handle < 2 * CapabilityTable::kPerPage; ++handle) {
      const Capability* capability = process.capabilities.Find(handle);
      if (capability != nullptr && capability->object->kind() == kind) fitting.push_back(handle);
    }
    return fitting.empty() ? random_() % 16 : fitting[random_() % fitting.size()];
  }

  uint64_t Sensible(const Process& process, const Argument& argument) {
    switch (argument.type) {
      case Argument::Type::kHandle:
        return Handle(process, argument.kind);
      case Argument::Type::kSize:
        return (1 + random_() % 6) * kPageSize;
      case Argument::Type::kOffset:
        return random_() % 3 * kPageSize;
      case Argument::Type::kAddress:
        return random_() % 4 * kSuperpageSize + random_() % 8 * kPageSize;
      case Argument::Type::kRights:
        return random_() % 8;
      case Argument::Type::kWord:
        return random_() % 3 != 0 ? random_() % 8 : Word();
    }
    return 0;
  }

  void RandomCall(Thread& thread) {
    auto call = static_cast<Call>(random_() % abi::kCallCount);
    // What is always refused makes room for giving things up; ends are rare.
    if ((call == Call::kProcessCreate || call == Call::kMemoryPhysical ||
         call == Call::kSystemControl || call == Call::kEventInterrupt) &&
        random_() % 4 != 0) {
      call = Call::kHandleClose;
    }
    if (call == Call::kProcessExit && random_() % 100 != 0) call = Call::kHandleClose;
    std::array<uint64_t, 6> a = {};
    const std::vector<Argument>& declared =
        testing::Declarations()[static_cast<uint64_t>(call)].arguments;
    for (size_t i = 0; i < declared.size(); ++i) {
      a[i] = random_() % 16 == 0 ? Word() : Sensible(thread.process, declared[i]);
    }
    if (call == Call::kHandleClose && random_() % 8 != 0) {
      a[0] = Handle(thread.process, static_cast<ObjectKind>(random_() % 7));
    }
    if (call == Call::kVcpuInterrupt) a[1] |= 16;
    if (call == Call::kProcessControl && random_() % 100 != 0 &&
        a[1] == static_cast<uint64_t>(abi::ProcessOperation::kKill)) {
      a[1] = static_cast<uint64_t>(abi::ProcessOperation::kUsage);
    }
    Count(call, node_.Call(thread, call, {a[0], a[1], a[2], a[3], a[4], a[5]}));
  }

  void Count(Call call, const Answer& answer) {
    if (answer.pending || answer.ok()) ++succeeded[static_cast<uint64_t>(call)];
  }

  // A wait has an end, or there would soon be nobody left to make calls.
  void MaybeWake(Thread& thread) {
    if (thread.state != Thread::State::kWaiting || random_() % 8 != 0) return;
    if (thread.vcpu != nullptr) {
      thread.vcpu->arch.Interrupt(0x40);
    } else {
      thread.context.SetStatus(Status::kTimedOut);
    }
    Wake(node_.node(), thread);
  }

  std::mt19937_64 random_{GetParam()};
  FakeNode node_{8 * FakeNode::kMiB};
};

TEST_P(HostileTest, CannotHurtAnybodyElse) {
  node_.machine().guest = [&](arch::Vcpu& guest, abi::VcpuState& state) {
    // The state page is the VMM's to scribble on at any time.
    state.reason = static_cast<abi::ExitReason>(random_());
    state.inject = static_cast<uint32_t>(random_());
    if (random_() % 4 == 0) guest.SetDeadline(node_.machine().now + random_() % 3000);
    if (random_() % 2 == 0) guest.TakeInterrupt();
    guest.SetSent({.request = random_(), .interrupt = random_() % 256});
    return static_cast<arch::RunOutcome>(random_() % 4);
  };
  const uint64_t event = node_.Do(Call::kEventCreate);
  const uint64_t channel = node_.Do(Call::kChannelCreate);
  const uint64_t shared = node_.Do(Call::kMemoryCreate, {4 * kPageSize});
  node_.Call(node_.root_thread(), Call::kEventWait, {node_.Do(Call::kEventCreate), abi::kNever});
  const FakeNode::Child victim = node_.MakeChild(FakeNode::kMiB, 3);
  const uint64_t victim_memory =
      node_.Call(*victim.thread, Call::kMemoryCreate, {4 * kPageSize}).value[0];
  ASSERT_TRUE(
      node_
          .Call(*victim.thread, Call::kProcessMap,
                {abi::kSelf, 0x10000, victim_memory, 0, 4 * kPageSize, abi::kRead | abi::kWrite})
          .ok());
  std::set<uint64_t> private_pages;
  for (uint64_t i = 0; i < 4; ++i) {
    private_pages.insert(Raw(victim.process->space.Lookup(0x10000 + i * kPageSize).physical));
  }
  const uint64_t victim_used = victim.process->quota.used();
  const FakeNode::Usage before = node_.GetUsage();

  const FakeNode::Child hostile = node_.MakeChild(FakeNode::kMiB, 3);
  node_.Grant(hostile, event, abi::kSignal | abi::kWait);
  node_.Grant(hostile, channel, abi::kSignal | abi::kGrant, 9);
  node_.Grant(hostile, shared, abi::kRead);
  std::vector<Thread*> threads;
  for (int i = 0; i < 4; ++i) threads.push_back(&node_.MakeThread(hostile.handle, 3));
  for (int i = 0; i < 4000 && hostile.process->end == abi::ProcessEnd::kRunning; ++i) {
    // Threads that the hostile process itself starts run nowhere here; these make the calls.
    Thread* thread = threads[random_() % threads.size()];
    MaybeWake(*thread);
    if (thread->state == Thread::State::kReady && thread->vcpu == nullptr) RandomCall(*thread);
    node_.machine().now += random_() % 500;
    if (Thread* chosen = ChooseThread(node_.node(), node_.node().boot_cpu, node_.machine().now);
        chosen != nullptr && chosen->vcpu != nullptr) {
      node_.RunGuest(*chosen);
    }
    if (random_() % 20 == 0) node_.Do(Call::kEventSignal, {event, 1});
    ASSERT_LE(hostile.process->quota.used(), hostile.process->quota.limit());
    ASSERT_EQ(victim.process->quota.used(), victim_used);
    ASSERT_EQ(victim.process->end, abi::ProcessEnd::kRunning);
  }
  // Nothing of the victim's is mapped there, and what is shared cannot be written.
  std::set<uint64_t> shared_pages;
  auto& memory = node_.Get<Memory>(node_.root(), shared);
  for (uint64_t i = 0; i < 4; ++i) {
    shared_pages.insert(Raw(memory.Populate(i * kPageSize, node_.node().pages)->physical));
  }
  if (hostile.process->end == abi::ProcessEnd::kRunning) {
    for (uint64_t page = 0; page < 4096; ++page) {
      const Translation t = hostile.process->space.Lookup(page * kPageSize);
      if (t.level == 0) continue;
      EXPECT_FALSE(private_pages.contains(Raw(t.physical)));
      EXPECT_FALSE(t.attributes.write && t.attributes.execute);
      EXPECT_FALSE(t.attributes.write && shared_pages.contains(Raw(t.physical)));
    }
  }
  node_.Kill(hostile);
  node_.Do(Call::kHandleClose, {hostile.handle});
  node_.Settle();
  // The shared memory's four pages were found meanwhile.
  FakeNode::Usage after = node_.GetUsage();
  after.free_pages += 4 + 1;
  EXPECT_GE(after.free_pages, before.free_pages);
  EXPECT_LE(after.free_pages, before.free_pages + 1);
  EXPECT_LE(after.root_used, before.root_used + 1);
  EXPECT_EQ(victim.process->quota.used(), victim_used);
}

INSTANTIATE_TEST_SUITE_P(Seeds, HostileTest, ::testing::Range(uint32_t{0}, kSeeds));

}  // namespace
}  // namespace bulkhead
