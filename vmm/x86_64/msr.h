// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_VMM_X86_64_MSR_H_
#define BULKHEAD_VMM_X86_64_MSR_H_

// Model-specific registers that the hypervisor leaves to the VMM. Those that are not in this list
// do not exist: the guest gets #GP, as from hardware. docs/guest-platform.md shows the list.

#include <cstdint>
#include <optional>

#include "virtio/guest_memory.h"
#include "vmm/x86_64/layout.h"
#include "vmm/x86_64/pvclock.h"

namespace bulkhead {

// One vCPU's registers.
class GuestMsrs {
 public:
  // `clock` outlives this object and may be set up later, before the guest runs. `amd`: the
  // processor's vendor by CPUID; some registers exist only there, some only elsewhere. `bootstrap`:
  // this vCPU is the first.
  GuestMsrs(const Pvclock& clock, bool amd, bool bootstrap)
      : clock_(clock), amd_(amd), bootstrap_(bootstrap) {}

  // RDMSR: the value, or nothing for #GP. `guest_tsc` is the guest's counter now.
  std::optional<uint64_t> Read(uint32_t index, uint64_t guest_tsc);
  // WRMSR: false for #GP. The paravirtual clock's registers write to guest memory.
  bool Write(uint32_t index, uint64_t value, const GuestMemory& memory);

  // How often the guest tried registers that do not exist, and which was the last.
  uint64_t unknown_count() const { return unknown_count_; }
  uint32_t last_unknown() const { return last_unknown_; }

 private:
  uint64_t ApicBase() const;
  void CountUnknown(uint32_t index) {
    ++unknown_count_;
    last_unknown_ = index;
  }

  const Pvclock& clock_;
  const bool amd_;
  const bool bootstrap_;
  uint64_t system_time_ = 0;
  uint64_t wall_clock_ = 0;
  uint64_t unknown_count_ = 0;
  uint32_t last_unknown_ = 0;
};

namespace msr {

inline constexpr uint32_t kTsc = 0x10;
inline constexpr uint32_t kApicBase = 0x1b;
inline constexpr uint32_t kMicrocode = 0x8b;
inline constexpr uint32_t kMiscEnable = 0x1a0;
inline constexpr uint32_t kDebugControl = 0x1d9;
inline constexpr uint32_t kAmdHwcr = 0xc0010015;
inline constexpr uint32_t kAmdNbConfig = 0xc001001f;
inline constexpr uint32_t kAmdInterruptPending = 0xc0010055;
inline constexpr uint32_t kKvmWallClock = 0x4b564d00;
inline constexpr uint32_t kKvmSystemTime = 0x4b564d01;

}  // namespace msr
}  // namespace bulkhead

#endif  // BULKHEAD_VMM_X86_64_MSR_H_
