// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include <set>
#include <vector>

#include "arch/upcalls.h"
#include "arch/vcpu.h"
#include "gtest/gtest.h"
#include "hypervisor/testing/fake_node.h"
#include "hypervisor/virtual_machine.h"

namespace bulkhead {
namespace {

using abi::Call;
using arch::RunOutcome;
using testing::Answer;
using testing::FakeNode;

constexpr uint64_t kReadWrite = abi::kRead | abi::kWrite;

class VmTest : public ::testing::Test {
 protected:
  VmTest() {
    const auto call = [&](Call number, std::initializer_list<uint64_t> arguments) {
      const Answer answer = node_.Call(thread_, number, arguments);
      EXPECT_TRUE(answer.ok()) << answer.status;
      return answer.value[0];
    };
    vm_ = call(Call::kVmCreate, {});
    state_ = call(Call::kMemoryCreate, {kPageSize});
    vcpu_ = call(Call::kVcpuCreate, {vm_, 3, state_});
    // The root task stands aside, so that the VMM's threads run.
    EXPECT_TRUE(
        node_.Call(node_.root_thread(), Call::kEventWait, {Do(Call::kEventCreate), abi::kNever})
            .pending);
  }

  uint64_t Do(Call call, std::initializer_list<uint64_t> arguments = {}) {
    return node_.Do(call, arguments);
  }
  Answer CallVmm(Call call, std::initializer_list<uint64_t> arguments) {
    return node_.Call(thread_, call, arguments);
  }
  Vcpu& vcpu() { return node_.Get<Vcpu>(*vmm_.process, vcpu_); }
  VirtualMachine& vm() { return node_.Get<VirtualMachine>(*vmm_.process, vm_); }
  // One turn of the main loop; returns whether a guest ran.
  bool Turn() {
    Thread* thread = ChooseThread(node_.node(), node_.node().boot_cpu, node_.machine().now);
    if (thread == nullptr || thread->vcpu == nullptr) return false;
    node_.RunGuest(*thread);
    return true;
  }
  static bool Runs(const Thread& thread) { return FakeNode::Registers(thread).pending; }

  FakeNode node_;
  FakeNode::Child vmm_ = node_.MakeChild(4 * FakeNode::kMiB);
  Thread& thread_ = *vmm_.thread;
  uint64_t vm_ = 0;
  uint64_t state_ = 0;
  uint64_t vcpu_ = 0;
};

TEST_F(VmTest, RunsUntilTheExit) {
  int entries = 0;
  node_.machine().guest = [&](arch::Vcpu& guest, abi::VcpuState& state) {
    EXPECT_EQ(guest.id(), 3u);
    EXPECT_EQ(state.rip, 0x1234u);
    if (++entries < 3) return RunOutcome::kInterrupted;
    state.reason = abi::ExitReason::kMmio;
    state.detail = 0xfee0;
    return RunOutcome::kExit;
  };
  vcpu().state->rip = 0x1234;
  EXPECT_TRUE(CallVmm(Call::kVcpuRun, {vcpu_}).pending);
  EXPECT_TRUE(Turn());
  EXPECT_TRUE(Turn());
  EXPECT_TRUE(Runs(thread_));
  EXPECT_TRUE(Turn());
  EXPECT_FALSE(Runs(thread_));
  EXPECT_EQ(FakeNode::Registers(thread_).status, Status::kOk);
  EXPECT_EQ(vcpu().state->detail, 0xfee0u);
  EXPECT_FALSE(Turn());
  EXPECT_EQ(vcpu().runner, nullptr);
}

TEST_F(VmTest, StatePageIsTheMemorysFirstPage) {
  ASSERT_TRUE(
      CallVmm(Call::kProcessMap, {abi::kSelf, 0x10000, state_, 0, kPageSize, kReadWrite}).ok());
  EXPECT_EQ(arch::ToPhysical(vcpu().state), vmm_.process->space.Lookup(0x10000).physical);
}

TEST_F(VmTest, OneThreadAtATime) {
  node_.machine().guest = [](arch::Vcpu&, abi::VcpuState&) { return RunOutcome::kInterrupted; };
  Thread& other = node_.MakeThread(vmm_.handle);
  EXPECT_TRUE(CallVmm(Call::kVcpuRun, {vcpu_}).pending);
  EXPECT_TRUE(Turn());
  EXPECT_EQ(node_.Call(other, Call::kVcpuRun, {vcpu_}).status, Status::kBusy);
}

TEST_F(VmTest, HaltedUntilAnInterrupt) {
  std::vector<int> taken;
  node_.machine().guest = [&](arch::Vcpu& guest, abi::VcpuState&) {
    const int vector = guest.TakeInterrupt();
    if (vector >= 0) taken.push_back(vector);
    return RunOutcome::kHalted;
  };
  Thread& other = node_.MakeThread(vmm_.handle);
  EXPECT_TRUE(CallVmm(Call::kVcpuRun, {vcpu_}).pending);
  EXPECT_TRUE(Turn());
  EXPECT_EQ(thread_.state, Thread::State::kWaiting);
  EXPECT_EQ(ChooseThread(node_.node(), node_.node().boot_cpu, 0), &other) << "others run meanwhile";
  EXPECT_TRUE(node_.Call(other, Call::kVcpuInterrupt, {vcpu_, 0x40}).ok());
  EXPECT_EQ(thread_.state, Thread::State::kReady);
  EXPECT_TRUE(node_.Call(other, Call::kVcpuInterrupt, {vcpu_, 0x40}).ok());
  node_.machine().now += 10000;  // the other's slice is over
  EXPECT_TRUE(Turn());
  EXPECT_EQ(taken, std::vector<int>{0x40});
  EXPECT_EQ(thread_.state, Thread::State::kWaiting);
  EXPECT_EQ(node_.Call(other, Call::kVcpuInterrupt, {vcpu_, 15}).status, Status::kInvalidArgument);
  EXPECT_EQ(node_.Call(other, Call::kVcpuInterrupt, {vcpu_, 256}).status, Status::kInvalidArgument);
}

TEST_F(VmTest, InterprocessorInterruptWakesWhomItNames) {
  const auto second = CallVmm(Call::kVcpuCreate, {vm_, 5, state_});
  ASSERT_TRUE(second.ok());
  Thread& sender = node_.MakeThread(vmm_.handle);
  int sent = 0;
  std::vector<int> taken;
  node_.machine().guest = [&](arch::Vcpu& guest, abi::VcpuState&) {
    if (guest.id() == 3) {
      if (const int vector = guest.TakeInterrupt(); vector >= 0) taken.push_back(vector);
      return RunOutcome::kHalted;
    }
    // First to somebody who is not there, then to the first vCPU.
    guest.SetSent({.request = sent == 0 ? uint64_t{1} << 7 : uint64_t{1} << 3, .interrupt = 0x66});
    return ++sent <= 2 ? RunOutcome::kInterprocessor : RunOutcome::kHalted;
  };
  EXPECT_TRUE(CallVmm(Call::kVcpuRun, {vcpu_}).pending);
  EXPECT_TRUE(Turn());
  EXPECT_EQ(thread_.state, Thread::State::kWaiting);
  EXPECT_TRUE(node_.Call(sender, Call::kVcpuRun, {second.value[0]}).pending);
  EXPECT_TRUE(Turn());
  EXPECT_EQ(thread_.state, Thread::State::kWaiting) << "that one was for somebody else";
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(Turn());
  EXPECT_EQ(taken, std::vector<int>{0x66});
}

TEST_F(VmTest, StolenTimeIsWhatOthersHad) {
  const uint64_t pages = CallVmm(Call::kMemoryCreate, {2 * kPageSize}).value[0];
  const auto second = CallVmm(Call::kVcpuCreate, {vm_, 5, pages});
  ASSERT_TRUE(second.ok());
  Thread& other = node_.MakeThread(vmm_.handle);
  Vcpu& watched = node_.Get<Vcpu>(*vmm_.process, second.value[0]);
  ASSERT_NE(watched.stolen_time, nullptr);
  EXPECT_EQ(vcpu().stolen_time, nullptr) << "its state has one page";
  node_.machine().guest = [](arch::Vcpu&, abi::VcpuState&) { return RunOutcome::kInterrupted; };
  // Two that never stop: each has half the time, in turns of a slice.
  EXPECT_TRUE(CallVmm(Call::kVcpuRun, {vcpu_}).pending);
  EXPECT_TRUE(Turn());
  EXPECT_TRUE(node_.Call(other, Call::kVcpuRun, {second.value[0]}).pending);
  const uint64_t start = node_.machine().now;
  for (int i = 0; i < 1000; ++i) {
    node_.machine().now += node_.node().boot_cpu.scheduler.slice() / 4;
    EXPECT_TRUE(Turn());
  }
  const uint64_t half = (node_.machine().now - start) / 2 * (1'000'000'000 / arch::CounterHz());
  EXPECT_NEAR(static_cast<double>(watched.stolen_time->nanoseconds), static_cast<double>(half),
              static_cast<double>(half) / 50);
  EXPECT_EQ(watched.stolen_time->revision, 0u);
}

TEST_F(VmTest, InterruptBeforeTheHaltIsNotLost) {
  int entries = 0;
  node_.machine().guest = [&](arch::Vcpu& guest, abi::VcpuState&) {
    if (++entries == 1) EXPECT_TRUE(guest.Interrupt(0x50));
    if (entries == 3) return RunOutcome::kExit;
    return entries == 1 ? RunOutcome::kInterrupted : RunOutcome::kHalted;
  };
  EXPECT_TRUE(CallVmm(Call::kVcpuRun, {vcpu_}).pending);
  for (int i = 0; i < 2; ++i) EXPECT_TRUE(Turn());
  // Halted with a vector pending: the timer or the next interrupt need not come first.
  EXPECT_TRUE(Turn()) << "the vCPU sleeps on a pending interrupt";
  EXPECT_EQ(entries, 3);
}

TEST_F(VmTest, InterruptsAreTakenWhateverTheGuestDoes) {
  RunOutcome outcome = RunOutcome::kInterrupted;
  node_.machine().guest = [&](arch::Vcpu& guest, abi::VcpuState&) {
    guest.SetDeadline(0);  // a timer that has always fired again
    return outcome;
  };
  EXPECT_TRUE(CallVmm(Call::kVcpuRun, {vcpu_}).pending);
  for (const RunOutcome left :
       {RunOutcome::kInterrupted, RunOutcome::kInterprocessor, RunOutcome::kHalted}) {
    outcome = left;
    const uint64_t before = node_.machine().interrupt_windows;
    EXPECT_TRUE(Turn());
    EXPECT_EQ(node_.machine().interrupt_windows, before + 1);
  }
}

TEST_F(VmTest, InterruptsAreTakenWhileCleaningUp) {
  // More pages than are freed before the main loop looks for a thread.
  constexpr uint64_t kPages = 256;
  const uint64_t memory = CallVmm(Call::kMemoryCreate, {kPages * kPageSize}).value[0];
  uint64_t done = 0;
  while (done < kPages * kPageSize) {
    const Answer answer = CallVmm(
        Call::kProcessMap, {abi::kSelf, 0x100000, memory, 0, kPages * kPageSize, kReadWrite});
    ASSERT_TRUE(answer.ok());
    done = answer.value[0];
  }
  EndProcess(node_.node(), *vmm_.process, abi::ProcessEnd::kKilled, 0, 0);
  EXPECT_FALSE(node_.Turn(node_.node().boot_cpu));
  EXPECT_TRUE(node_.node().reaper.idle());
  EXPECT_GT(node_.machine().interrupt_windows, 1u);
}

TEST_F(VmTest, HaltedUntilItsTimer) {
  node_.machine().guest = [&](arch::Vcpu& guest, abi::VcpuState&) {
    if (guest.TakeInterrupt() >= 0) return RunOutcome::kExit;
    guest.SetDeadline(node_.machine().now + 500);
    return RunOutcome::kHalted;
  };
  EXPECT_TRUE(CallVmm(Call::kVcpuRun, {vcpu_}).pending);
  EXPECT_TRUE(Turn());
  EXPECT_FALSE(Turn());
  EXPECT_EQ(node_.machine().timer, node_.machine().now + 500);
  node_.machine().now += 499;
  EXPECT_FALSE(Turn());
  node_.machine().now += 1;
  EXPECT_TRUE(Turn());
  EXPECT_FALSE(Runs(thread_));
  EXPECT_EQ(FakeNode::Registers(thread_).status, Status::kOk) << "not kTimedOut";
}

TEST_F(VmTest, KilledInTheGuestAndHalted) {
  for (const bool halted : {false, true}) {
    const FakeNode::Usage before = node_.GetUsage();
    const FakeNode::Child vmm = node_.MakeChild(4 * FakeNode::kMiB);
    const auto call = [&](Call number, std::initializer_list<uint64_t> arguments) {
      return node_.Call(*vmm.thread, number, arguments).value[0];
    };
    const uint64_t vm = call(Call::kVmCreate, {});
    const uint64_t vcpu = call(Call::kVcpuCreate, {vm, 0, call(Call::kMemoryCreate, {kPageSize})});
    node_.machine().guest = [&](arch::Vcpu& guest, abi::VcpuState&) {
      guest.SetDeadline(node_.machine().now + 1000);
      return halted ? RunOutcome::kHalted : RunOutcome::kInterrupted;
    };
    node_.Call(*vmm.thread, Call::kVcpuRun, {vcpu});
    node_.machine().now += 100000;
    while (node_.node().boot_cpu.loaded_vcpu == nullptr) {
      ASSERT_NE(ChooseThread(node_.node(), node_.node().boot_cpu, node_.machine().now), nullptr);
      if (vmm.thread == node_.node().boot_cpu.scheduler.current()) {
        node_.RunGuest(*vmm.thread);
      } else {
        node_.machine().now += 100000;
      }
    }
    node_.Kill(vmm);
    node_.Do(Call::kHandleClose, {vmm.handle});
    node_.Settle();
    EXPECT_EQ(node_.node().boot_cpu.loaded_vcpu, nullptr);
    EXPECT_EQ(node_.GetUsage(), before);
    EXPECT_EQ(node_.node().boot_cpu.timeouts.Next(), abi::kNever);
  }
}

// Whoever runs a virtual processor next finds it as after an exit.
TEST_F(VmTest, RunnerKilledAndAnotherTakesOver) {
  for (const RunOutcome outcome : {RunOutcome::kInterrupted, RunOutcome::kHalted}) {
    const FakeNode::Child runner = node_.MakeChild(FakeNode::kMiB);
    Retain(vcpu());
    const uint64_t handle = *runner.process->capabilities.Insert(
        {.object = &vcpu(), .rights = abi::kControl}, runner.process->arena);
    node_.machine().guest = [&](arch::Vcpu&, abi::VcpuState&) { return outcome; };
    const uint64_t taken = vcpu().arch.states_taken();
    EXPECT_TRUE(node_.Call(*runner.thread, Call::kVcpuRun, {handle}).pending);
    node_.RunGuest(*runner.thread);
    EXPECT_EQ(vcpu().arch.states_taken(), taken + 1);
    EndProcess(node_.node(), *runner.process, abi::ProcessEnd::kKilled, 0, 0);
    EXPECT_EQ(vcpu().runner, nullptr);

    node_.machine().guest = [](arch::Vcpu&, abi::VcpuState&) { return RunOutcome::kExit; };
    EXPECT_TRUE(CallVmm(Call::kVcpuRun, {vcpu_}).pending);
    EXPECT_EQ(vcpu().runner, &thread_);
    node_.RunGuest(thread_);
    EXPECT_FALSE(Runs(thread_)) << "it sleeps on";
    EXPECT_EQ(vcpu().arch.states_taken(), taken + 2);
    node_.Settle();
  }
}

TEST_F(VmTest, HandleClosedWhileItRuns) {
  node_.machine().guest = [](arch::Vcpu&, abi::VcpuState&) { return RunOutcome::kExit; };
  Thread& other = node_.MakeThread(vmm_.handle);
  EXPECT_TRUE(CallVmm(Call::kVcpuRun, {vcpu_}).pending);
  for (const uint64_t handle : {vcpu_, vm_, state_}) {
    EXPECT_TRUE(node_.Call(other, Call::kHandleClose, {handle}).ok());
  }
  node_.Settle();
  EXPECT_TRUE(Turn());
  EXPECT_FALSE(Runs(thread_));
  node_.Settle();
}

TEST_F(VmTest, IdentitiesAndArguments) {
  EXPECT_EQ(CallVmm(Call::kVcpuCreate, {vm_, 3, state_}).status, Status::kExists);
  EXPECT_EQ(CallVmm(Call::kVcpuCreate, {vm_, abi::kMaxVcpus, state_}).status,
            Status::kInvalidArgument);
  EXPECT_EQ(CallVmm(Call::kVcpuCreate, {vm_, ~uint64_t{0}, state_}).status,
            Status::kInvalidArgument);
  EXPECT_TRUE(CallVmm(Call::kHandleClose, {vcpu_}).ok());
  node_.Settle();
  const Answer again = CallVmm(Call::kVcpuCreate, {vm_, 3, state_});
  EXPECT_TRUE(again.ok()) << "its place is free again";
  // Device registers are no place for a state.
  const uint64_t device = Do(Call::kMemoryPhysical, {0xf000'0000, kPageSize, 1});
  const uint64_t handle = node_.Grant(vmm_, device);
  EXPECT_EQ(CallVmm(Call::kVcpuCreate, {vm_, 4, handle}).status, Status::kInvalidArgument);
}

TEST_F(VmTest, WithoutVirtualization) {
  node_.machine().virtualization = false;
  EXPECT_EQ(CallVmm(Call::kVmCreate, {}).status, Status::kNotSupported);
}

TEST_F(VmTest, GuestMemory) {
  const uint64_t memory = CallVmm(Call::kMemoryCreate, {2 * FakeNode::kMiB}).value[0];
  const auto map = [&](uint64_t address, uint64_t rights) {
    return CallVmm(Call::kVmMap, {vm_, address, memory, 0, 2 * FakeNode::kMiB, rights});
  };
  const Answer mapped = map(0, abi::kRead | abi::kWrite | abi::kExecute);
  ASSERT_TRUE(mapped.ok());
  EXPECT_EQ(mapped.value[0], 2 * FakeNode::kMiB);
  const Translation translation = vm().space.Lookup(0x1fffff);
  EXPECT_EQ(translation.level, 2);
  EXPECT_TRUE(translation.attributes.write && translation.attributes.execute);
  const uint64_t flushes = vcpu().arch.flushes();
  EXPECT_EQ(map(0, 0).value[0], 0u);
  EXPECT_GT(vcpu().arch.flushes(), flushes);
  EXPECT_EQ(vm().space.Lookup(0).level, 0);
  EXPECT_EQ(map(abi::kUserTop - kPageSize, abi::kRead).status, Status::kInvalidArgument);
  EXPECT_TRUE(map(4 * FakeNode::kMiB, abi::kRead).ok());
  EXPECT_FALSE(vm().space.Lookup(4 * FakeNode::kMiB).attributes.write);
}

// Somebody else builds the guest's memory: the machine's owner pays for its tables, the memory's
// owner for the memory, and all of it comes back.
TEST_F(VmTest, BuiltByAnother) {
  const FakeNode::Usage before = node_.GetUsage();
  const FakeNode::Child helper = node_.MakeChild(4 * FakeNode::kMiB);
  Retain(vm());
  const uint64_t vm_handle = *helper.process->capabilities.Insert(
      {.object = &vm(), .rights = abi::kControl}, helper.process->arena);
  const uint64_t memory =
      node_.Call(*helper.thread, Call::kMemoryCreate, {FakeNode::kMiB}).value[0];
  const uint64_t helper_used = helper.process->quota.used();
  for (uint64_t done = 0; done < FakeNode::kMiB;) {
    const Answer answer = node_.Call(*helper.thread, Call::kVmMap,
                                     {vm_handle, 0, memory, 0, FakeNode::kMiB, abi::kRead});
    ASSERT_TRUE(answer.ok());
    done = answer.value[0];
  }
  EXPECT_LE(helper.process->quota.used() - helper_used, 1u) << "the memory's own table";
  node_.Kill(helper);
  node_.Settle();
  // The memory stays while the machine has it.
  EXPECT_EQ(vm().space.Lookup(0).level, 1);
  EXPECT_NE(node_.GetUsage(), before);
  node_.Kill(vmm_);
  node_.Do(Call::kHandleClose, {helper.handle});
  node_.Settle();
  EXPECT_EQ(vmm_.process->quota.used(), 0u);
  EXPECT_EQ(node_.GetUsage().root_used, before.root_used);
}

}  // namespace
}  // namespace bulkhead
