// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "guest/testguest/aarch64/cpu.h"
#include "guest/testguest/checks.h"
#include "guest/testguest/share.h"
#include "guest/testguest/tap.h"
#include "vmm/aarch64/layout.h"
#include "vmm/aarch64/smccc.h"

namespace bulkhead::testguest {
namespace {

constexpr uint64_t kGicd = layout::kGicdBase;
constexpr uint64_t kSetEnable1 = kGicd + 0x104;
constexpr uint64_t kClearEnable1 = kGicd + 0x184;
constexpr uint64_t kPriority32 = kGicd + 0x400 + 32;
constexpr uint64_t kRoute32 = kGicd + 0x6000 + 8 * 32;
constexpr uint32_t kVirtioMagic = 0x74726976;

void CheckDistributor() {
  Check((ReadMmio<uint32_t>(kGicd) & 1 << 4) != 0, "GICD: affinity routing");
  CheckEqual(ReadMmio<uint32_t>(kGicd + 4) & 0x1f, layout::kInterrupts / 32 - 1, "GICD: lines");
  CheckEqual(ReadMmio<uint32_t>(kGicd + 0xffe8) >> 4 & 0xf, 3, "GICD: version 3");
  CheckEqual(ReadMmio<uint32_t>(layout::kGicrBase + 0xffe8) >> 4 & 0xf, 3, "GICR: version 3");
  CheckEqual(ReadMmio<uint64_t>(layout::kGicrBase + 8), 1 << 4, "GICR: processor 0 is the last");
}

// The same registers through instructions of every width.
void CheckWidths() {
  WriteMmio<uint32_t>(kPriority32, 0);
  WriteMmio<uint8_t>(kPriority32 + 1, 0xa0);
  CheckEqual(ReadMmio<uint32_t>(kPriority32), 0xa000, "strb, ldr w");
  CheckEqual(ReadMmio<uint8_t>(kPriority32 + 1), 0xa0, "ldrb");
  uint64_t value = 0;
  asm volatile("ldrsb %w0, [%1]" : "=r"(value) : "r"(kPriority32 + 1));
  CheckEqual(value, 0xffff'ffa0, "ldrsb w");
  asm volatile("ldrsb %0, [%1]" : "=r"(value) : "r"(kPriority32 + 1));
  CheckEqual(value, ~uint64_t{0x5f}, "ldrsb x");
  WriteMmio<uint32_t>(kSetEnable1, 1u << 31);
  asm volatile("ldrsw %0, [%1]" : "=r"(value) : "r"(kSetEnable1));
  CheckEqual(value, 0xffff'ffff'8000'0000, "ldrsw");
  asm volatile("ldr %w0, [%1, %2, lsl #2]" : "=r"(value) : "r"(kGicd + 0x100), "r"(uint64_t{1}));
  CheckEqual(value, 0x8000'0000, "ldr w with index and scale");
  asm volatile("ldr wzr, [%0]" : : "r"(kSetEnable1));
  asm volatile("ldar %w0, [%1]" : "=r"(value) : "r"(kSetEnable1));
  CheckEqual(value, 0x8000'0000, "ldar");
  WriteMmio<uint32_t>(kClearEnable1, 1u << 31);
  CheckEqual(ReadMmio<uint32_t>(kSetEnable1), 0, "write one to clear");
  WriteMmio<uint64_t>(kRoute32, 0xff'00ff'ffff);
  CheckEqual(ReadMmio<uint64_t>(kRoute32), 0xff'00ff'ffff, "str x, ldr x");
  asm volatile("str xzr, [%0]" : : "r"(kRoute32) : "memory");
  CheckEqual(ReadMmio<uint64_t>(kRoute32), 0, "str xzr");
}

// Arm DEN0057A, 3.2.
void CheckStolenTime() {
  constexpr uint64_t kNanoseconds = 8;
  CheckEqual(CallFirmware(smccc::kPvTimeFeatures, smccc::kPvTimeStolen).x0, smccc::kSuccess,
             "there is stolen time");
  const uint64_t stolen = CallFirmware(smccc::kPvTimeStolen).x0;
  if (!CheckEqual(stolen, layout::kStolenTimeBase, "its structure has a place")) return;
  CheckEqual(ReadMmio<uint64_t>(stolen), 0, "its revision and attributes are 0");
  const uint64_t before = ReadMmio<uint64_t>(stolen + kNanoseconds);
  (void)CallFirmware(smccc::kPsciVersion);
  Check(ReadMmio<uint64_t>(stolen + kNanoseconds) >= before, "stolen time never goes back");
}

}  // namespace

void CheckDevices() {
  CheckDistributor();
  CheckWidths();
  CheckEqual(ReadMmio<uint32_t>(layout::VirtioMmioAddress(0)), kVirtioMagic, "virtio-mmio magic");
  CheckEqual(ReadMmio<uint32_t>(layout::VirtioMmioAddress(0) + 4), 2, "virtio-mmio version");
  bool console = false, rng = false;
  for (uint32_t i = 0; i < layout::kMaxVirtioDevices; ++i) {
    const uint64_t at = layout::VirtioMmioAddress(i);
    if (ReadMmio<uint32_t>(at) != kVirtioMagic) break;
    const uint32_t id = ReadMmio<uint32_t>(at + 8);
    console = console || id == 3;
    rng = rng || id == 4;
    // The last device is known by what it is: there may be fewer than the platform has room for.
    if (console && rng) break;
  }
  Check(console, "there is a console");
  Check(rng, "there is a random number generator");
}

uint64_t ClockNow() {
  constexpr uint64_t kNanoseconds = 1'000'000'000;
  const uint64_t ticks = ReadCounter();
  const uint64_t hz = CounterHz();
  return ticks / hz * kNanoseconds + ticks % hz * kNanoseconds / hz;
}

void CheckClock() {
  Check(CounterHz() >= 1'000'000, "the counter has a frequency");
  const uint64_t first = ReadCounter();
  uint64_t last = first;
  bool monotonic = true;
  for (int i = 0; i < 10'000; ++i) {
    const uint64_t now = ReadCounter();
    monotonic = monotonic && now >= last;
    last = now;
  }
  Check(monotonic, "the counter never goes back");
  Check(last > first, "the counter advances");
  uint64_t physical = 0;
  Check(READ_REGISTER("cntpct_el0", &physical), "the physical counter can be read");
  const uint64_t after = ReadCounter();
  Check(physical >= last && physical <= after, "the physical counter is the virtual one");
  CheckStolenTime();
}

}  // namespace bulkhead::testguest
