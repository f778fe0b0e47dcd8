// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// The input is: queue size exponent, flags, available index, then the contents of the rings.

#include <cstdint>
#include <cstring>
#include <memory>

#include "virtio/testing/device_fuzz.h"
#include "virtio/virtqueue.h"

namespace bulkhead {
namespace {

using testing::FuzzInput;
using testing::TestRam;

void Check(bool condition) {
  if (!condition) __builtin_trap();
}

void CheckChain(const GuestMemory& memory, const Virtqueue& queue, const VirtqueueChain& chain) {
  Check(chain.size() > 0 && chain.size() <= queue.size() && chain.head() < queue.size());
  uint64_t total = 0;
  bool writable = false;
  for (size_t i = 0; i < chain.size(); ++i) {
    const auto segment = chain[i];
    Check(!segment.bytes.empty());
    Check(segment.writable || !writable);
    writable = segment.writable;
    total += segment.bytes.size();
    bool inside = false;
    for (const auto& region : {memory.low(), memory.high()}) {
      inside |=
          segment.bytes.data() >= region.bytes.data() &&
          segment.bytes.data() + segment.bytes.size() <= region.bytes.data() + region.bytes.size();
    }
    Check(inside);
  }
  Check(total == uint64_t{chain.readable_bytes()} + chain.writable_bytes());
}

void Run(FuzzInput input) {
  static const TestRam ram;
  static const auto chain = std::make_unique<VirtqueueChain>();
  std::memset(ram.bytes(0, 0x4000).data(), 0, 0x4000);
  const GuestMemory memory(
      {.start = 0, .bytes = ram.bytes(0, 0x8000)},
      {.start = TestRam::kHighStart, .bytes = ram.bytes(TestRam::kHighStart, 0x1000)});
  const auto size = static_cast<uint16_t>(1 << (input.Take<uint8_t>() % 9));
  const auto flags = input.Take<uint8_t>();
  Virtqueue queue;
  Check(queue.Enable(memory, size, 256,
                     {.descriptors = GuestPhysical{0},
                      .available = GuestPhysical{0x1000},
                      .used = GuestPhysical{0x2000}},
                     (flags & 1) != 0) == VirtqueueError::kNone);
  ram.PutValue(0x1002, input.Take<uint16_t>());
  for (int turn = 0; turn < 4; ++turn) {
    // A ring part, from some offset on.
    const uint64_t part = uint64_t{input.Take<uint8_t>()} % 2 * 0x1000;
    const auto bytes = input.TakeBytes(input.Take<uint16_t>() % 0x1000);
    std::ranges::copy(bytes, ram.bytes(part, 0x1000).begin());
    for (int i = 0; i < 300; ++i) {
      const Virtqueue::PopResult result = queue.Pop(*chain);
      Check((result == Virtqueue::PopResult::kError) == (queue.error() != VirtqueueError::kNone));
      if (result != Virtqueue::PopResult::kChain) break;
      CheckChain(memory, queue, *chain);
      if ((flags & 2) != 0 && i % 3 == 0) continue;  // held back
      queue.Push(*chain, chain->writable_bytes());
      queue.TakeInterrupt();
    }
  }
}

}  // namespace
}  // namespace bulkhead

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  bulkhead::Run(bulkhead::testing::FuzzInput(data, size));
  return 0;
}
