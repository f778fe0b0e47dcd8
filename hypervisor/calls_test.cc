// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// Every argument check that abi/calls.toml declares, tried with every kind of wrong argument.

#include "hypervisor/calls.h"

#include <algorithm>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "hypervisor/testing/call_arguments.h"
#include "hypervisor/testing/fake_node.h"

namespace bulkhead {
namespace {

using abi::Call;
using testing::Answer;
using testing::FakeNode;

using testing::Argument;
using testing::Declaration;
using testing::Declarations;
using Type = Argument::Type;

class CallArgumentsTest : public ::testing::TestWithParam<Declaration> {
 protected:
  static constexpr ObjectKind kKinds[] = {
      ObjectKind::kProcess, ObjectKind::kThread, ObjectKind::kMemory, ObjectKind::kVirtualMachine,
      ObjectKind::kVcpu,    ObjectKind::kEvent,  ObjectKind::kChannel};

  CallArgumentsTest() {
    thread_ = node_.Do(Call::kThreadCreate, {child_.handle, 0x1000, 0, 0, 0});
    memory_ = node_.Do(Call::kMemoryCreate, {kPageSize});
    vm_ = node_.Do(Call::kVmCreate);
    vcpu_ = node_.Do(Call::kVcpuCreate, {vm_, 0, memory_});
    event_ = node_.Do(Call::kEventCreate);
    channel_ = node_.Do(Call::kChannelCreate);
  }

  uint64_t HandleOf(ObjectKind kind) const {
    switch (kind) {
      case ObjectKind::kProcess:
        return child_.handle;
      case ObjectKind::kThread:
        return thread_;
      case ObjectKind::kMemory:
        return memory_;
      case ObjectKind::kVirtualMachine:
        return vm_;
      case ObjectKind::kVcpu:
        return vcpu_;
      case ObjectKind::kEvent:
        return event_;
      case ObjectKind::kChannel:
        return channel_;
    }
    return 0;
  }
  uint64_t Valid(const Argument& argument) const {
    switch (argument.type) {
      case Type::kHandle:
        return HandleOf(argument.kind);
      case Type::kSize:
        return kPageSize;
      case Type::kAddress:
        return 0x10000;
      case Type::kRights:
        return abi::kRead;
      case Type::kOffset:
      case Type::kWord:
        return 0;
    }
    return 0;
  }
  // The call with all arguments valid up to `index`, which is `value`.
  void Expect(size_t index, uint64_t value, Status status) {
    const Declaration& declaration = GetParam();
    auto& context = node_.root_thread().context;
    context.r[0] = static_cast<uint64_t>(declaration.call);
    for (size_t i = 0; i < 6; ++i) {
      context.r[1 + i] = i < index ? Valid(declaration.arguments[i]) : 0;
    }
    context.r[1 + index] = value;
    const FakeNode::Usage before = node_.GetUsage();
    const CallResult result = DispatchCall(node_.node(), node_.root_thread(), context);
    EXPECT_FALSE(result.pending);
    EXPECT_EQ(result.status, status) << "argument " << index << " = 0x" << std::hex << value;
    EXPECT_TRUE(node_.node().reaper.idle());
    EXPECT_EQ(node_.GetUsage(), before);
  }
  void ExpectHandleChecks(size_t index, const Argument& argument) {
    for (const uint64_t handle :
         {uint64_t{999}, CapabilityTable::kCapacity - 1, CapabilityTable::kCapacity,
          uint64_t{1} << 32 | HandleOf(argument.kind), uint64_t{1} << 63, ~uint64_t{0}}) {
      Expect(index, handle, Status::kBadHandle);
    }
    for (const ObjectKind kind : kKinds) {
      if (kind != argument.kind) Expect(index, HandleOf(kind), Status::kBadHandle);
    }
    if (argument.rights == 0) return;
    const uint64_t without = node_.Do(Call::kHandleGrant, {abi::kSelf, HandleOf(argument.kind),
                                                           abi::kAllRights & ~argument.rights, 0});
    Expect(index, without, Status::kDenied);
  }

  FakeNode node_;
  FakeNode::Child child_ = node_.MakeChild(FakeNode::kMiB);
  uint64_t thread_ = 0;
  uint64_t memory_ = 0;
  uint64_t vm_ = 0;
  uint64_t vcpu_ = 0;
  uint64_t event_ = 0;
  uint64_t channel_ = 0;
};

TEST_P(CallArgumentsTest, WrongArgumentsAreRefusedAndChangeNothing) {
  const std::vector<Argument>& arguments = GetParam().arguments;
  for (size_t i = 0; i < arguments.size(); ++i) {
    switch (arguments[i].type) {
      case Type::kHandle:
        ExpectHandleChecks(i, arguments[i]);
        break;
      case Type::kSize:
        for (const uint64_t size :
             {uint64_t{0}, uint64_t{1}, kPageSize - 1, kPageSize + 1, abi::kUserTop + kPageSize,
              uint64_t{1} << 63, ~uint64_t{0}, ~uint64_t{0} - kPageSize + 1}) {
          Expect(i, size, Status::kInvalidArgument);
        }
        break;
      case Type::kOffset:
        for (const uint64_t offset : {uint64_t{1}, kPageSize + 8, ~uint64_t{0}}) {
          Expect(i, offset, Status::kInvalidArgument);
        }
        break;
      case Type::kAddress:
        for (const uint64_t address :
             {uint64_t{1}, kPageSize - 1, abi::kUserTop, abi::kUserTop + kPageSize,
              0xffff'8000'0000'0000, ~uint64_t{0} - kPageSize + 1, ~uint64_t{0}}) {
          Expect(i, address, Status::kInvalidArgument);
        }
        break;
      case Type::kRights:
        for (const uint64_t rights : {uint64_t{abi::kControl}, uint64_t{abi::kSystem} | abi::kRead,
                                      uint64_t{1} << 32 | abi::kRead, uint64_t{1} << 63}) {
          Expect(i, rights, Status::kInvalidArgument);
        }
        break;
      case Type::kWord:
        break;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Calls, CallArgumentsTest, ::testing::ValuesIn(Declarations()),
                         [](const auto& info) {
                           return std::string(
                               abi::kCallNames[static_cast<uint64_t>(info.param.call)]);
                         });

TEST(CallsTest, EveryCallIsDeclared) { EXPECT_EQ(Declarations().size(), abi::kCallCount); }

class CallChecksTest : public ::testing::Test {
 protected:
  static uint64_t Operation(abi::SystemOperation operation) {
    return static_cast<uint64_t>(operation);
  }
  Answer System(abi::SystemOperation operation, uint64_t a0 = 0, uint64_t a1 = 0, uint64_t a2 = 0) {
    return node_.Call(node_.root_thread(), Call::kSystemControl,
                      {Operation(operation), a0, a1, a2});
  }
  FakeNode node_;
};

TEST_F(CallChecksTest, ThreadPriorityAndAddresses) {
  const FakeNode::Child child = node_.MakeChild(FakeNode::kMiB, 3);
  const auto create = [&](Thread& caller, uint64_t process, uint64_t entry, uint64_t stack,
                          uint64_t priority) {
    return node_.Call(caller, Call::kThreadCreate, {process, entry, stack, 0, priority}).status;
  };
  EXPECT_EQ(create(*child.thread, abi::kSelf, 0x1000, 0, 3), Status::kOk);
  EXPECT_EQ(create(*child.thread, abi::kSelf, 0x1000, 0, 4), Status::kDenied);
  Thread& root = node_.root_thread();
  EXPECT_EQ(create(root, child.handle, 0x1000, 0, abi::kPriorities), Status::kInvalidArgument);
  EXPECT_EQ(create(root, child.handle, 0x1000, 0, ~uint64_t{0}), Status::kInvalidArgument);
  EXPECT_EQ(create(root, child.handle, abi::kUserTop, 0, 0), Status::kInvalidArgument);
  EXPECT_EQ(create(root, child.handle, ~uint64_t{0}, 0, 0), Status::kInvalidArgument);
  EXPECT_EQ(create(root, child.handle, 0, abi::kUserTop, 0), Status::kOk);
  EXPECT_EQ(create(root, child.handle, 0, abi::kUserTop + 1, 0), Status::kInvalidArgument);
}

TEST_F(CallChecksTest, ThreadsAreCounted) {
  const FakeNode::Child child = node_.MakeChild(4 * FakeNode::kMiB);
  for (uint32_t i = 1; i < Process::kMaxThreads; ++i) node_.MakeThread(child.handle);
  EXPECT_EQ(node_.StatusOf(Call::kThreadCreate, {child.handle, 0, 0, 0, 0}),
            Status::kQuotaExceeded);
}

TEST_F(CallChecksTest, NewThreadBeginsAsAsked) {
  const FakeNode::Child child = node_.MakeChild(FakeNode::kMiB);
  const uint64_t handle = node_.Do(Call::kThreadCreate, {child.handle, 0x1230, 0x4560, 0x789, 2});
  const auto& thread = node_.Get<Thread>(node_.root(), handle);
  EXPECT_EQ(thread.context.pc, 0x1230u);
  EXPECT_EQ(thread.context.sp, 0x4560u);
  EXPECT_EQ(thread.context.r[1], 0x789u);
  EXPECT_EQ(thread.priority, 2u);
}

TEST_F(CallChecksTest, MemoryTooLarge) {
  EXPECT_EQ(node_.StatusOf(Call::kMemoryCreate, {Memory::kMaxSize + kPageSize}),
            Status::kInvalidArgument);
  EXPECT_EQ(node_.StatusOf(Call::kMemoryCreate, {Memory::kMaxSize}), Status::kQuotaExceeded);
}

TEST_F(CallChecksTest, QuotaMovesAndComesBack) {
  const uint64_t used = node_.root().quota.used();
  const FakeNode::Child child = node_.MakeChild(FakeNode::kMiB);
  EXPECT_GE(node_.root().quota.used(), used + 256);
  const auto usage = static_cast<uint64_t>(abi::ProcessOperation::kUsage);
  const Answer answer = node_.Call(*child.thread, Call::kProcessControl, {abi::kSelf, usage});
  EXPECT_EQ(answer.value[0], FakeNode::kMiB);
  EXPECT_EQ(answer.value[1], child.process->quota.used() * kPageSize);
  EXPECT_EQ(node_.Call(*child.thread, Call::kMemoryCreate, {FakeNode::kMiB}).status,
            Status::kQuotaExceeded);
  EXPECT_EQ(node_.StatusOf(Call::kProcessCreate, {uint64_t{1} << 40}), Status::kQuotaExceeded);
  EXPECT_EQ(node_.StatusOf(Call::kProcessControl, {child.handle, 99}), Status::kInvalidArgument);
}

// What the node's only child has of a second, in thousandths, while nobody else wants anything.
uint64_t RunForASecond(FakeNode& node, const Process& child) {
  const uint64_t second = 10 * Scheduler::kSlicesPerPeriod * node.node().boot_cpu.scheduler.slice();
  uint64_t used = 0;
  for (const uint64_t end = node.machine().now + second; node.machine().now < end;) {
    const Thread* thread = ChooseThread(node.node(), node.node().boot_cpu, node.machine().now);
    const uint64_t next = std::min(end, node.node().boot_cpu.scheduler.NextChange());
    if (thread != nullptr && &thread->process == &child) used += next - node.machine().now;
    node.machine().now = next;
  }
  return used * abi::kWholeCpu / second;
}

TEST_F(CallChecksTest, ShareIsTheMakersToSet) {
  const FakeNode::Child child = node_.MakeChild(FakeNode::kMiB);
  const auto set = static_cast<uint64_t>(abi::ProcessOperation::kSetShare);
  const auto status = [&](uint64_t weight, uint64_t ceiling) {
    return node_.StatusOf(Call::kProcessControl,
                          {child.handle, set, weight | ceiling << 32, uint64_t{0}});
  };
  EXPECT_EQ(status(1, 0), Status::kOk);
  EXPECT_EQ(status(abi::kWholeCpu, abi::kWholeCpu), Status::kOk);
  constexpr uint64_t kTooMuch[] = {abi::kWholeCpu + 1, ~uint32_t{0}};
  for (const uint64_t bad : kTooMuch) {
    EXPECT_EQ(status(bad, 0), Status::kInvalidArgument) << bad;
    EXPECT_EQ(status(1, bad), Status::kInvalidArgument) << bad;
  }
  EXPECT_EQ(status(0, 0), Status::kInvalidArgument);
  EXPECT_EQ(status(500, 250), Status::kOk);
  EXPECT_EQ(node_.StatusOf(Call::kProcessControl, {child.handle, set, 1, 1}),
            Status::kInvalidArgument)
      << "there is one CPU";

  // The child holds a capability for itself with all the rights that the call asks for, and may
  // have been given one for another.
  for (const uint64_t handle : {abi::kSelf, node_.Grant(child, child.handle)}) {
    EXPECT_EQ(node_.Call(*child.thread, Call::kProcessControl, {handle, set, 1000, 0}).status,
              Status::kDenied);
  }
  EXPECT_EQ(node_.StatusOf(Call::kProcessControl, {abi::kSelf, set, 1, 0}), Status::kDenied);

  // Long after the start; the root task's own thread waits.
  node_.machine().now += 1'000'000;
  node_.Call(node_.root_thread(), Call::kEventWait, {node_.Do(Call::kEventCreate), abi::kNever});
  EXPECT_EQ(RunForASecond(node_, *child.process), 250u);
  EXPECT_EQ(node_.StatusOf(Call::kProcessControl, {child.handle, set, 500, 0}), Status::kOk);
  EXPECT_EQ(RunForASecond(node_, *child.process), 1000u);
}

TEST_F(CallChecksTest, Log) {
  const uint64_t memory = node_.Do(Call::kMemoryCreate, {2 * kPageSize});
  node_.Do(Call::kProcessMap, {abi::kSelf, 0x10000, memory, 0, 2 * kPageSize, abi::kRead});
  const auto write = [&](uint64_t address, const char* text) {
    for (; *text != 0; ++text, ++address) {
      *arch::ToPointer<char>(node_.root().space.Lookup(address).physical) = *text;
    }
  };
  write(0x10ffc, "over the edge");  // of a page
  EXPECT_TRUE(System(abi::SystemOperation::kLog, 0x10ffc, 13).ok());
  EXPECT_EQ(node_.machine().log, "over the edge\n");
  const auto status = [&](uint64_t address, uint64_t length) {
    return System(abi::SystemOperation::kLog, address, length).status;
  };
  EXPECT_EQ(status(0x10000, abi::kMaxLogLength + 1), Status::kInvalidArgument);
  EXPECT_EQ(status(0x11fff, 2), Status::kInvalidArgument);
  EXPECT_EQ(status(0xf000, 1), Status::kInvalidArgument);
  EXPECT_EQ(status(~uint64_t{0}, 2), Status::kInvalidArgument);
  EXPECT_EQ(status(0xffff'8000'0000'0000, 1), Status::kInvalidArgument);
  EXPECT_EQ(status(0x10000, 0), Status::kOk);
  // Mapped, but not RAM that the hypervisor has in its direct map.
  const uint64_t device = node_.Do(Call::kMemoryPhysical, {0xf000'0000, kPageSize, 1});
  node_.Do(Call::kProcessMap, {abi::kSelf, 0x20000, device, 0, kPageSize, abi::kRead});
  EXPECT_EQ(status(0x20000, 1), Status::kInvalidArgument);
}

TEST_F(CallChecksTest, PortsAddressesTotals) {
  using Operation = abi::SystemOperation;
  EXPECT_EQ(System(Operation::kPortRead, 0x3f8, 1).value[0], 0x3f801u);
  for (const uint64_t width : {0, 3, 5, 8}) {
    EXPECT_EQ(System(Operation::kPortRead, 0, width).status, Status::kInvalidArgument);
    EXPECT_EQ(System(Operation::kPortWrite, 0, width).status, Status::kInvalidArgument);
  }
  EXPECT_EQ(System(Operation::kPortRead, 0x10000, 1).status, Status::kInvalidArgument);
  EXPECT_TRUE(System(Operation::kPortWrite, 0x80, 4, 0x1234).ok());
  EXPECT_EQ(node_.machine().port_value, 0x1234u);

  const uint64_t memory = node_.Do(Call::kMemoryCreate, {2 * kPageSize});
  node_.Do(Call::kProcessMap, {abi::kSelf, 0x10000, memory, 0, 2 * kPageSize, abi::kRead});
  EXPECT_EQ(System(Operation::kAddressOf, memory, kPageSize).value[0],
            Raw(node_.root().space.Lookup(0x11000).physical));
  EXPECT_EQ(System(Operation::kAddressOf, memory, 2 * kPageSize).status, Status::kInvalidArgument);
  EXPECT_EQ(System(Operation::kAddressOf, memory, 8).status, Status::kInvalidArgument);
  EXPECT_EQ(System(Operation::kAddressOf, abi::kSelf, 0).status, Status::kBadHandle);

  const Answer totals = System(Operation::kTotals);
  EXPECT_EQ(totals.value[0], node_.node().pages.total_pages());
  EXPECT_EQ(totals.value[1], node_.node().pages.free_pages());
  EXPECT_TRUE(System(Operation::kDumpTrace).ok());
  EXPECT_NE(node_.machine().log.find("call memory_create"), std::string::npos);
  EXPECT_EQ(node_.StatusOf(Call::kSystemControl, {99}), Status::kInvalidArgument);
}

}  // namespace
}  // namespace bulkhead
