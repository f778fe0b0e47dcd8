// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_VMM_X86_64_PVCLOCK_H_
#define BULKHEAD_VMM_X86_64_PVCLOCK_H_

// The paravirtual clock that KVM guests know (Linux, Documentation/virt/kvm/x86/msr.rst): the VMM
// tells the guest once how its time-stamp counter translates to nanoseconds; the guest then reads
// the time without leaving guest mode.

#include <cstddef>
#include <cstdint>

#include "virtio/guest_memory.h"

namespace bulkhead {

// ns = (ticks shifted by `shift`: left if positive, right if negative) * multiplier / 2^32.
struct TscScale {
  uint32_t multiplier = 0;
  int8_t shift = 0;
};

// The scale for a counter of `hz` ticks a second, with the multiplier in [2^31, 2^32): off by at
// most one part in 2^32. `hz` is at least 1.
TscScale MakeTscScale(uint64_t hz);

// As the guest computes it.
uint64_t TicksToNanoseconds(const TscScale& scale, uint64_t ticks);

struct PvclockVcpuTimeInfo {
  uint32_t version;  // odd while it is being written
  uint32_t pad0;
  uint64_t tsc_timestamp;  // guest counter at ...
  uint64_t system_time;    // ... this many ns
  uint32_t tsc_to_system_mul;
  int8_t tsc_shift;
  uint8_t flags;
  uint8_t pad[2];
};
static_assert(sizeof(PvclockVcpuTimeInfo) == 32);
static_assert(offsetof(PvclockVcpuTimeInfo, tsc_to_system_mul) == 24);
inline constexpr uint8_t kPvclockTscStable = 1 << 0;  // all vCPUs agree

struct PvclockWallClock {
  uint32_t version;
  uint32_t seconds;  // since 1970, at system time 0
  uint32_t nanoseconds;
};
static_assert(sizeof(PvclockWallClock) == 12);

// One guest's clock. All vCPUs get the same numbers, so they agree.
class Pvclock {
 public:
  Pvclock() = default;
  // `guest_tsc_zero`: the guest's counter when its system time is 0. `wall_clock`: nanoseconds
  // since 1970 at that moment; 0: not known, the guest sees 1970.
  Pvclock(uint64_t tsc_hz, uint64_t guest_tsc_zero, uint64_t wall_clock)
      : scale_(MakeTscScale(tsc_hz)), tsc_zero_(guest_tsc_zero), wall_clock_(wall_clock) {}

  // Fills the structure in guest memory. False: it is not RAM, or not aligned to 4 bytes.
  bool WriteTimeInfo(const GuestMemory& memory, GuestPhysical address) const;
  bool WriteWallClock(const GuestMemory& memory, GuestPhysical address) const;

 private:
  TscScale scale_;
  uint64_t tsc_zero_ = 0;
  uint64_t wall_clock_ = 0;
};

}  // namespace bulkhead

#endif  // BULKHEAD_VMM_X86_64_PVCLOCK_H_
