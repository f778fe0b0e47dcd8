// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// A hostile process makes random calls, among them sensible ones. It must not crash the hypervisor,
// use more than its quota, or leave anything behind; the totals and the rights of others stay.

#include <random>
#include <set>
#include <vector>

#include "arch/vcpu.h"
#include "gtest/gtest.h"
#include "hypervisor/testing/fake_node.h"

namespace bulkhead {
namespace {

using abi::Call;
using testing::Answer;
using testing::FakeNode;

class HostileTest : public ::testing::TestWithParam<uint32_t> {
 protected:
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

  void RandomCall(Thread& thread) {
    uint64_t number = random_() % abi::kCallCount;
    // The end, now and then.
    if (static_cast<Call>(number) == Call::kProcessExit && random_() % 50 != 0) number = 11;
    const bool sensible = random_() % 4 != 0;
    const auto handle = [&] { return sensible ? random_() % 30 : Word(); };
    if (sensible && static_cast<Call>(number) == Call::kProcessControl) {
      node_.Call(thread, Call::kProcessControl,
                 {handle(),
                  random_() % 40 == 0      ? 1
                  : random_() % 4 / 1 == 1 ? 3
                                           : random_() % 5,
                  handle(), Word()});
      return;
    }
    node_.Call(thread, static_cast<Call>(number),
               {handle(), Word(), handle(), Word(), Word(), sensible ? random_() % 8 : Word()});
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
    return static_cast<arch::RunOutcome>(random_() % 3);
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
    if (thread->state == Thread::State::kReady && thread->vcpu == nullptr) {
      RandomCall(*thread);
    }
    node_.machine().now += random_() % 500;
    if (Thread* chosen = ChooseThread(node_.node(), node_.machine().now);
        chosen != nullptr && chosen->vcpu != nullptr) {
      RunGuest(node_.node(), *chosen);
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

INSTANTIATE_TEST_SUITE_P(Seeds, HostileTest, ::testing::Range(uint32_t{0}, uint32_t{60}));

}  // namespace
}  // namespace bulkhead
