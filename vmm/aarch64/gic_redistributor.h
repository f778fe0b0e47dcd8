// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_VMM_AARCH64_GIC_REDISTRIBUTOR_H_
#define BULKHEAD_VMM_AARCH64_GIC_REDISTRIBUTOR_H_

// One processor's redistributor of the guest's GICv3 (Arm IHI 0069, 12.10 and 12.11): its two
// frames and its private interrupts, INTIDs 0 to 31. No LPIs. The hypervisor delivers private
// interrupts by itself, from enable bits and priorities that come from here.

#include <cstdint>
#include <optional>

#include "vmm/aarch64/gic_bank.h"

namespace bulkhead {

class GicRedistributor {
 public:
  GicRedistributor() { bank_.edge = 0xffff; }  // SGIs
  // `last`: none follows it in the address space.
  GicRedistributor(uint32_t cpu, bool last) : GicRedistributor() {
    cpu_ = cpu;
    last_ = last;
  }

  // One access of `width` bytes (1, 2, 4, 8) at an offset from its first frame.
  uint64_t Read(uint32_t offset, uint32_t width) const;
  void Write(uint32_t offset, uint32_t width, uint64_t value);

  // Takes the lowest INTID that was made pending by a write here and can be delivered.
  std::optional<uint32_t> NextPending();

  // Interrupts that may be delivered, bit n: INTID n; and all priorities.
  uint32_t enabled() const { return bank_.enabled & bank_.group1; }
  const std::array<uint8_t, 32>& priority() const { return bank_.priority; }

 private:
  uint64_t ReadControl(uint32_t offset, uint32_t width) const;

  uint32_t cpu_ = 0;
  bool last_ = true;
  bool asleep_ = true;
  GicBank bank_;
};

}  // namespace bulkhead

#endif  // BULKHEAD_VMM_AARCH64_GIC_REDISTRIBUTOR_H_
