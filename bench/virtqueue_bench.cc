// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// The per-request cost of a virtqueue's device side: taking a chain, giving it back, deciding on
// the interrupt.

#include <benchmark/benchmark.h>

#include <algorithm>
#include <vector>

#include "virtio/testing/driver_queue.h"
#include "virtio/virtqueue.h"

namespace bulkhead {
namespace {

using testing::DriverQueue;
using testing::TestRam;

// Arguments: descriptors in a chain, chains made available at once.
void BM_PopPush(benchmark::State& state) {
  const auto descriptors = static_cast<size_t>(state.range(0));
  const auto batch = static_cast<int>(state.range(1));
  const TestRam ram;
  DriverQueue driver(ram, 0x10000, 256);
  Virtqueue queue;
  if (queue.Enable(ram.memory(), 256, 256, driver.rings(), true) != VirtqueueError::kNone) {
    state.SkipWithError("queue");
    return;
  }
  // The chains stay in the table; only the available ring is filled again.
  std::vector<uint16_t> heads;
  const std::vector<DriverQueue::Buffer> buffers(descriptors, {0x20000, 4096, true});
  for (int i = 0; i < batch; ++i) heads.push_back(driver.Chain(buffers));
  VirtqueueChain chain;
  for (auto _ : state) {
    for (const uint16_t head : heads) driver.Offer(head);
    while (queue.Pop(chain) == Virtqueue::PopResult::kChain) {
      benchmark::DoNotOptimize(chain.writable().data());
      queue.Push(chain, 4096);
    }
    benchmark::DoNotOptimize(queue.TakeInterrupt());
  }
  if (queue.error() != VirtqueueError::kNone) state.SkipWithError("virtqueue error");
  state.SetItemsProcessed(state.iterations() * batch);
}
BENCHMARK(BM_PopPush)->ArgNames({"descriptors", "batch"})->ArgsProduct({{1, 3, 16}, {1, 16}});

}  // namespace
}  // namespace bulkhead
