// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// Path lengths of the core on the fake machine. Only the ratios mean something: caches, entries
// and page walks are the host's.

#include <memory>
#include <vector>

#include "benchmark/benchmark.h"
#include "hypervisor/address_space.h"
#include "hypervisor/scheduler.h"
#include "hypervisor/testing/fake_node.h"

namespace bulkhead {
namespace {

using abi::Call;
using testing::FakeNode;

constexpr uint64_t kReadWrite = abi::kRead | abi::kWrite;

void RunMapCalls(FakeNode& node, uint64_t memory, uint64_t length, uint64_t rights) {
  const uint64_t finished = rights == 0 ? 0 : length;
  while (node.Do(Call::kProcessMap, {abi::kSelf, 0x4000'0000, memory, 0, length, rights}) !=
         finished) {
  }
}

// Mapping and unmapping memory that is there already, in small pages or superpages.
void MapUnmap(benchmark::State& state, bool superpages) {
  FakeNode node(64 * FakeNode::kMiB);
  if (!superpages) node.Fragment();
  const auto length = static_cast<uint64_t>(state.range(0)) * FakeNode::kMiB;
  const uint64_t memory = node.Do(Call::kMemoryCreate, {length});
  RunMapCalls(node, memory, length, kReadWrite);
  RunMapCalls(node, memory, length, 0);
  for (auto _ : state) {
    RunMapCalls(node, memory, length, kReadWrite);
    RunMapCalls(node, memory, length, 0);
  }
  const uint64_t page = superpages ? kSuperpageSize : kPageSize;
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations() * (length / page)));
}
BENCHMARK_CAPTURE(MapUnmap, SmallPages, false)->Arg(2)->Arg(16);
BENCHMARK_CAPTURE(MapUnmap, Superpages, true)->Arg(2)->Arg(16);

void Lookup(benchmark::State& state) {
  FakeNode node;
  const uint64_t memory = node.Do(Call::kMemoryCreate, {FakeNode::kMiB});
  RunMapCalls(node, memory, FakeNode::kMiB, kReadWrite);
  uint64_t address = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(node.root().space.Lookup(0x4000'0000 + address % FakeNode::kMiB));
    address += 5 * kPageSize;
  }
}
BENCHMARK(Lookup);

// Choosing the next of N threads of equal priority, each time at the end of a slice.
void SchedulerPick(benchmark::State& state) {
  FakeNode node(2 * FakeNode::kMiB);
  Scheduler scheduler;
  scheduler.Initialize(1);
  std::vector<std::unique_ptr<Thread>> threads;
  for (int64_t i = 0; i < state.range(0); ++i) {
    threads.push_back(std::make_unique<Thread>(nullptr, node.root(), *node.root().groups, 3));
    scheduler.MakeReady(*threads.back());
  }
  uint64_t now = 0;
  for (auto _ : state) benchmark::DoNotOptimize(scheduler.Choose(++now));
}
BENCHMARK(SchedulerPick)->Arg(1)->Arg(8)->Arg(512);

// A call and its reply through a channel, with the main loop's choices in between.
void ChannelRoundTrip(benchmark::State& state) {
  FakeNode node;
  Thread& client = node.MakeThread(abi::kSelf, 3);
  Thread& server = node.root_thread();
  const uint64_t channel = node.Do(Call::kChannelCreate);
  node.Call(server, Call::kChannelReceive, {channel});
  for (auto _ : state) {
    benchmark::DoNotOptimize(ChooseThread(node.node(), node.node().boot_cpu, node.machine().now));
    node.Call(client, Call::kChannelCall, {channel, 1, 2, 3});
    benchmark::DoNotOptimize(ChooseThread(node.node(), node.node().boot_cpu, node.machine().now));
    node.Call(server, Call::kChannelReceive, {channel, 4, 5, 6});
  }
}
BENCHMARK(ChannelRoundTrip);

void EventSignalWait(benchmark::State& state) {
  FakeNode node;
  const uint64_t event = node.Do(Call::kEventCreate);
  for (auto _ : state) {
    node.Call(node.root_thread(), Call::kEventSignal, {event, 1});
    benchmark::DoNotOptimize(node.Call(node.root_thread(), Call::kEventWait, {event, 0}));
  }
}
BENCHMARK(EventSignalWait);

}  // namespace
}  // namespace bulkhead
