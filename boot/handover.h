// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_BOOT_HANDOVER_H_
#define BULKHEAD_BOOT_HANDOVER_H_

// What every loader does when it fills a BootInfo. Functions that can fail return what is wrong,
// one phrase, static; nullptr if nothing is.

#include <cstdint>
#include <string_view>

#include "boot/boot_info.h"

namespace bulkhead {

// Clears `info` and says what it is and where the hypervisor image lies (bytes).
void StartBootInfo(uint64_t image_physical, uint64_t image_length, BootInfo& info);

// The bundle, whose pages the caller adds to the memory map as kLoader.
const char* SetBundle(uint64_t address, uint64_t length, BootInfo& info);

const char* SetCommandLine(std::string_view text, BootInfo& info);

// BootInfo::wall_clock: the time at counter 0, if it is `now` (ns since 1970) when the counter,
// which runs at `hz`, shows `counter`. 0 if that is before 1970 or the counter does not run.
constexpr uint64_t WallClockAtCounterZero(uint64_t now, uint64_t counter, uint64_t hz) {
  constexpr uint64_t kSecond = 1'000'000'000;
  if (hz == 0 || hz > UINT64_MAX / kSecond || counter / hz > now / kSecond) return 0;
  const uint64_t elapsed = counter / hz * kSecond + counter % hz * kSecond / hz;
  return now > elapsed ? now - elapsed : 0;
}

}  // namespace bulkhead

#endif  // BULKHEAD_BOOT_HANDOVER_H_
