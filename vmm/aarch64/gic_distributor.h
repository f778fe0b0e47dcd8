// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_VMM_AARCH64_GIC_DISTRIBUTOR_H_
#define BULKHEAD_VMM_AARCH64_GIC_DISTRIBUTOR_H_

// The guest's GICv3 distributor (Arm IHI 0069, 12.9): one security state, affinity routing always
// on, no LPIs, no message-based SPIs. Group 0 can be written and read back but is never delivered.
//
// An edge on a disabled interrupt stays pending until it is enabled, as with the hardware.

#include <array>
#include <cstdint>
#include <optional>

#include "vmm/aarch64/gic_bank.h"
#include "vmm/aarch64/layout.h"

namespace bulkhead {

// An interrupt that goes to a processor's CPU interface.
struct GicDelivery {
  uint32_t cpu;  // number, which is Aff0
  uint32_t intid;
  uint8_t priority;
};

class GicDistributor {
 public:
  // `cpus`: at most layout::kMaxCpus.
  explicit GicDistributor(uint32_t cpus) : cpus_(cpus) {}

  // One access of `width` bytes (1, 2, 4, 8) at an offset into the frame.
  uint64_t Read(uint32_t offset, uint32_t width) const;
  void Write(uint32_t offset, uint32_t width, uint64_t value);

  // An edge on a shared interrupt's line.
  void Raise(uint32_t intid);

  // Takes the next interrupt that can be delivered, lowest INTID first; nothing: there is none.
  // To be called until then after whatever may have changed something.
  std::optional<GicDelivery> Next();

  // Whether group 1 is forwarded at all, private interrupts included.
  bool group1_enabled() const { return group1_enabled_; }

 private:
  static constexpr uint32_t kFirstBank = layout::kFirstSpi / 32;
  static constexpr uint32_t kSpis = layout::kInterrupts - layout::kFirstSpi;

  uint64_t ReadRoute(uint32_t offset, uint32_t width) const;
  void WriteRoute(uint32_t offset, uint32_t width, uint64_t value);

  const uint32_t cpus_;
  bool group1_enabled_ = false;
  std::array<GicBank, kSpis / 32> banks_;
  std::array<uint64_t, kSpis> route_ = {};  // affinity, as IROUTER
};

}  // namespace bulkhead

#endif  // BULKHEAD_VMM_AARCH64_GIC_DISTRIBUTOR_H_
