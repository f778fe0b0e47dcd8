// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "vmm/x86_64/pvclock.h"

#include <atomic>
#include <cstring>

#include "base/align.h"

namespace bulkhead {
namespace {

constexpr uint64_t kNanosecondsPerSecond = 1'000'000'000;

// Both structures begin with the version. The guest, perhaps on another processor, reads it before
// and after the rest, and again if it was odd or has changed.
template <typename T>
bool WriteVersioned(const GuestMemory& memory, GuestPhysical address, T value) {
  if (!IsAligned(Raw(address), sizeof(uint32_t))) return false;
  const auto bytes = memory.Slice(address, sizeof(T));
  if (!bytes) return false;
  auto* version = reinterpret_cast<uint32_t*>(bytes->data());
  const uint32_t odd = __atomic_load_n(version, __ATOMIC_RELAXED) | 1;
  __atomic_store_n(version, odd, __ATOMIC_RELAXED);
  std::atomic_thread_fence(std::memory_order_release);
  constexpr size_t kBody = sizeof(uint32_t);
  std::memcpy(bytes->data() + kBody, reinterpret_cast<const std::byte*>(&value) + kBody,
              sizeof(T) - kBody);
  __atomic_store_n(version, odd + 1, __ATOMIC_RELEASE);
  return true;
}

}  // namespace

// 10^9 / hz in binary, one bit after the other by long division, until 32 of them are known: no
// 128-bit division, which would need a run-time library, and nothing is lost on the way.
TscScale MakeTscScale(uint64_t hz) {
  uint64_t quotient = kNanosecondsPerSecond / hz;
  uint64_t remainder = kNanosecondsPerSecond % hz;
  int fraction_bits = 0;
  const auto next_bit = [&] {
    // Doubling without overflow, for a counter faster than 2^63 Hz too.
    const bool bit = remainder >= hz - remainder;
    remainder = bit ? remainder - (hz - remainder) : remainder + remainder;
    return bit;
  };
  while (quotient < uint64_t{1} << 31) {
    quotient = quotient << 1 | (next_bit() ? 1 : 0);
    ++fraction_bits;
  }
  if (next_bit() && quotient != 0xffffffff) ++quotient;  // round to nearest
  return {static_cast<uint32_t>(quotient), static_cast<int8_t>(32 - fraction_bits)};
}

uint64_t TicksToNanoseconds(const TscScale& scale, uint64_t ticks) {
  ticks = scale.shift >= 0 ? ticks << scale.shift : ticks >> -scale.shift;
  return static_cast<uint64_t>(static_cast<unsigned __int128>(ticks) * scale.multiplier >> 32);
}

bool Pvclock::WriteTimeInfo(const GuestMemory& memory, GuestPhysical address) const {
  PvclockVcpuTimeInfo info{};
  info.tsc_timestamp = tsc_zero_;
  info.tsc_to_system_mul = scale_.multiplier;
  info.tsc_shift = scale_.shift;
  info.flags = kPvclockTscStable;
  return WriteVersioned(memory, address, info);
}

bool Pvclock::WriteWallClock(const GuestMemory& memory, GuestPhysical address) const {
  PvclockWallClock clock{};
  clock.seconds = static_cast<uint32_t>(wall_clock_ / kNanosecondsPerSecond);
  clock.nanoseconds = static_cast<uint32_t>(wall_clock_ % kNanosecondsPerSecond);
  return WriteVersioned(memory, address, clock);
}

}  // namespace bulkhead
