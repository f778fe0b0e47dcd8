// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_VMM_AARCH64_REAL_TIME_CLOCK_H_
#define BULKHEAD_VMM_AARCH64_REAL_TIME_CLOCK_H_

// A PL031 (Arm DDI 0224) from which a guest learns the time of day when it starts: it only reads,
// and it has no alarm. Writes are ignored.

#include <cstdint>

namespace bulkhead {

// The register at `offset`, with `seconds` since 1970.
constexpr uint32_t ReadRealTimeClock(uint64_t offset, uint64_t seconds) {
  switch (offset) {
    case 0x000:  // RTCDR
      return static_cast<uint32_t>(seconds);
    case 0x00c:  // RTCCR: it runs
      return 1;
    // RTCPeriphID, part 0x031 of Arm, revision 1; RTCPCellID.
    case 0xfe0:
      return 0x31;
    case 0xfe4:
      return 0x10;
    case 0xfe8:
      return 0x04;
    case 0xff0:
      return 0x0d;
    case 0xff4:
      return 0xf0;
    case 0xff8:
      return 0x05;
    case 0xffc:
      return 0xb1;
    default:
      return 0;
  }
}

}  // namespace bulkhead

#endif  // BULKHEAD_VMM_AARCH64_REAL_TIME_CLOCK_H_
