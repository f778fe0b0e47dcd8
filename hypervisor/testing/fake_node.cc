// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "hypervisor/testing/fake_node.h"

#include <cstdlib>
#include <new>

#include "arch/upcalls.h"
#include "gtest/gtest.h"

namespace bulkhead {

namespace {
Node* g_node = nullptr;
}

Node& TheNode() { return *g_node; }

namespace testing {
namespace {

constexpr uint64_t kSlice = 1000;
// Bounds every loop over reaper steps: a reaper that never comes to an end fails the test.
constexpr int kManySteps = 10'000'000;

template <typename T>
T Require(const Result<T>& result) {
  if (!result.ok()) {
    ADD_FAILURE() << StatusName(result.status());
    std::abort();
  }
  return *result;
}

}  // namespace

FakeNode::FakeNode(uint64_t ram) : machine_(ram), node_(std::make_unique<Node>()) {
  // A hole in the middle, and regions that do not begin or end with a superpage.
  const uint64_t start = arch::fake::Machine::kRamStart;
  const uint64_t hole = start + ram / 2;
  regions_ = {
      {0, 0x1000, MemoryKind::kReserved, 0},
      {start + 3 * kPageSize, hole - start - 3 * kPageSize, MemoryKind::kUsable, 0},
      {hole, 2 * kPageSize, MemoryKind::kAcpi, 0},
      {hole + 2 * kPageSize, start + ram - hole - 7 * kPageSize, MemoryKind::kUsable, 0},
  };
  blocks_.resize(PageAllocator::BlocksFor(regions_));
  node_->pages.Initialize(regions_, blocks_);
  node_->own[0] = {start, 3 * kPageSize};
  node_->boot_cpu.scheduler.Initialize(kSlice);
  machine_.cpu = &node_->boot_cpu;
  machine_.handle_kick = &arch::HandleKick;
  g_node = node_.get();

  auto* root = new (root_storage_.data())
      Process(nullptr, node_->pages.free_pages(), node_->pages, node_->next_process_id++);
  node_->root = root;
  if (root->space.Initialize(root->arena) != Status::kOk) std::abort();
  arch::ShareKernelHalf(root->space.root());
  Retain(*root);
  Require(root->capabilities.Insert({.object = root, .rights = abi::kAllRights | abi::kSystem},
                                    root->arena));
  root->groups = new (Require(root->arena.Allocate(sizeof(BudgetGroup))))
      BudgetGroup(node_->boot_cpu, BudgetGroup::kFirst);
  root_thread_ = Require(CreateThread(*node_, *root, *root, node_->boot_cpu, abi::kPriorities - 1));
  root_thread_->context.Start(0x1000, 0x8000, 0);
  MakeReady(*root_thread_);
}

FakeNode::~FakeNode() { g_node = nullptr; }

Answer FakeNode::Registers(const Thread& thread) {
  Answer answer;
  answer.pending = thread.state != Thread::State::kReady || thread.vcpu != nullptr;
  answer.status = static_cast<Status>(thread.context.r[0]);
  for (size_t i = 0; i < answer.value.size(); ++i) answer.value[i] = thread.context.r[2 + i];
  return answer;
}

Answer FakeNode::Call(Thread& caller, abi::Call call, std::initializer_list<uint64_t> arguments) {
  caller.context.r[0] = static_cast<uint64_t>(call);
  for (size_t i = 0; i < 6; ++i) {
    caller.context.r[1 + i] = i < arguments.size() ? arguments.begin()[i] : 0;
  }
  const CallResult result = DispatchCall(*node_, caller, caller.context);
  if (!result.pending) {
    caller.context.SetStatus(result.status);
    caller.context.SetResults(result.words[0], result.words[1], result.words[2], result.words[3]);
    Answer answer = Registers(caller);
    answer.pending = false;
    return answer;
  }
  Answer answer = Registers(caller);
  answer.pending = true;
  return answer;
}

uint64_t FakeNode::Do(abi::Call call, std::initializer_list<uint64_t> arguments) {
  const Answer answer = Call(root_thread(), call, arguments);
  EXPECT_FALSE(answer.pending) << abi::kCallNames[static_cast<uint64_t>(call)];
  EXPECT_EQ(answer.status, Status::kOk) << abi::kCallNames[static_cast<uint64_t>(call)];
  return answer.value[0];
}

FakeNode::Child FakeNode::MakeChild(uint64_t quota_bytes, uint64_t priority) {
  Child child;
  child.handle = Do(abi::Call::kProcessCreate, {quota_bytes});
  child.process = &Get<Process>(root(), child.handle);
  Share(child.handle, 0);
  child.thread = &MakeThread(child.handle, priority);
  return child;
}

void FakeNode::Share(uint64_t process_handle, uint64_t cpu, uint32_t weight) {
  Do(abi::Call::kProcessControl,
     {process_handle, static_cast<uint64_t>(abi::ProcessOperation::kSetShare),
      abi::Share(weight, 0), cpu});
}

Cpu& FakeNode::AddCpu() {
  cpus_.push_back(std::make_unique<Cpu>());
  Cpu& cpu = *cpus_.back();
  cpu.index = node_->cpu_count;
  cpu.scheduler.Initialize(kSlice);
  node_->cpus[node_->cpu_count++] = &cpu;
  return cpu;
}

Thread& FakeNode::MakeThread(uint64_t process_handle, uint64_t priority, uint64_t cpu) {
  const uint64_t handle =
      Do(abi::Call::kThreadCreate, {process_handle, 0x1000, 0x8000, 0, priority, cpu});
  auto& thread = Get<Thread>(root(), handle);
  Do(abi::Call::kHandleClose, {handle});
  return thread;
}

uint64_t FakeNode::Grant(const Child& child, uint64_t handle, uint32_t rights, uint64_t badge) {
  return Do(abi::Call::kHandleGrant, {child.handle, handle, rights, badge});
}

bool FakeNode::Turn(Cpu& cpu) {
  machine_.cpu = &cpu;
  node_->lock.Acquire(cpu);
  try {
    bulkhead::Dispatch(*node_, cpu);
  } catch (const arch::fake::Idle&) {
    return false;
  } catch (const arch::fake::BackToUser&) {
    return true;
  }
}

void FakeNode::RunGuest(Thread& thread) {
  Cpu& cpu = thread.group.cpu;
  machine_.cpu = &cpu;
  node_->lock.Acquire(cpu);
  bulkhead::RunGuest(*node_, cpu, thread);
  node_->lock.Release(cpu);
}

void FakeNode::Settle() {
  int steps = 0;
  while (!node_->reaper.idle()) {
    node_->reaper.Step(*node_);
    ASSERT_LT(++steps, kManySteps);
  }
}

void FakeNode::LeavePages(uint64_t pages) {
  while (node_->pages.free_pages() > pages) taken_.push_back(*node_->pages.AllocatePage());
}

void FakeNode::Fragment() {
  LeavePages(0);
  std::vector<HostPhysical> all;
  all.swap(taken_);
  for (const HostPhysical page : all) {
    if (IsAligned(Raw(page), kSuperpageSize)) {
      taken_.push_back(page);
    } else {
      node_->pages.FreePage(page);
    }
  }
}

void FakeNode::GiveBackPages() {
  for (const HostPhysical page : taken_) node_->pages.FreePage(page);
  taken_.clear();
}

}  // namespace testing
}  // namespace bulkhead
