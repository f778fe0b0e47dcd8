// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_VMM_X86_64_MSR_H_
#define BULKHEAD_VMM_X86_64_MSR_H_

#include "vmm/x86_64/pvclock.h"
namespace bulkhead {
class GuestMsrs {
 public:
  explicit GuestMsrs(const Pvclock& c) : c_(c) {}
  bool Read(uint32_t i, uint64_t* v) { *v = 0; switch (i) { case 0x1b: *v = 0xfee00d00; return true; case 0x1a0: case 0x8b: case 0x10: case 0xc001001f: return true; } return false; }
  bool Write(uint32_t i, uint64_t v, const GuestMemory& m) { switch (i) { case 0x4b564d01: if (v & 1) return c_.WriteTimeInfo(m, static_cast<GuestPhysical>(v & ~1ull)); return true; case 0x4b564d00: return c_.WriteWallClock(m, static_cast<GuestPhysical>(v)); case 0x1b: case 0x1a0: case 0x8b: return true; } return false; }
 private:
  const Pvclock& c_;
};
}

#endif  // BULKHEAD_VMM_X86_64_MSR_H_
