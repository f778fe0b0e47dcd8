// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// Any accesses to the distributor and a redistributor, with edges in between: what is delivered was
// enabled, and exists.

#include <cstdlib>
#include <cstring>

#include "vmm/aarch64/gic_distributor.h"
#include "vmm/aarch64/gic_redistributor.h"

namespace bulkhead {
namespace {

struct [[gnu::packed]] Step {
  uint8_t what;  // low bits: which frame and direction; then the width
  uint32_t offset;
  uint64_t value;
};

template <typename Frame>
void Access(Frame& frame, const Step& step) {
  const uint32_t width = 1u << (step.what >> 3 & 3);
  if ((step.what & 4) != 0) {
    frame.Write(step.offset % 0x2'0000, width, step.value);
    return;
  }
  const uint64_t value = frame.Read(step.offset % 0x2'0000, width);
  if (width < 8 && value >> (8 * width) != 0) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  constexpr uint32_t kCpus = 2;
  GicDistributor distributor(kCpus);
  GicRedistributor redistributor(1, true);
  for (Step step; size >= sizeof(step); data += sizeof(step), size -= sizeof(step)) {
    std::memcpy(&step, data, sizeof(step));
    switch (step.what & 3) {
      case 0:
        Access(distributor, step);
        break;
      case 1:
        Access(redistributor, step);
        break;
      default:
        distributor.Raise(step.offset);
        break;
    }
    while (const auto delivery = distributor.Next()) {
      const uint32_t intid = delivery->intid;
      if (!distributor.group1_enabled() || delivery->cpu >= kCpus || intid < layout::kFirstSpi ||
          intid >= layout::kInterrupts) {
        std::abort();
      }
      const uint64_t enabled = distributor.Read(0x100 + intid / 32 * 4, 4);
      if ((enabled >> intid % 32 & 1) == 0) std::abort();
    }
    while (const auto intid = redistributor.NextPending()) {
      if ((redistributor.enabled() >> *intid & 1) == 0) std::abort();
    }
  }
  return 0;
}

}  // namespace bulkhead
