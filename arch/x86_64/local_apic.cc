// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "arch/x86_64/local_apic.h"

#include <algorithm>

#include "arch/cpu.h"
#include "arch/log.h"
#include "arch/paging.h"
#include "arch/x86_64/registers.h"

namespace bulkhead::arch {
namespace {

enum Register : uint32_t {  // offsets in memory; MSR number is 0x800 + offset / 16
  kId = 0x20,
  kTaskPriority = 0x80,
  kEndOfInterrupt = 0xb0,
  kSpurious = 0xf0,
  kCommand = 0x300,
  kCommandHigh = 0x310,
  kTimer = 0x320,
  kLint0 = 0x350,
  kLint1 = 0x360,
  kInitialCount = 0x380,
  kCurrentCount = 0x390,
  kDivide = 0x3e0,
};
constexpr uint32_t kMasked = 1 << 16;
constexpr uint32_t kTscDeadlineMode = 2 << 17;
constexpr uint32_t kPending = 1 << 12;  // a command that has not been sent yet
constexpr int kPatience = 1'000'000;    // reads until it has

constexpr uint64_t kBaseX2Apic = 1 << 10;
constexpr uint64_t kBaseEnable = 1 << 11;

// The interval timer's channel 2 counts 1193182 Hz down without an interrupt (Intel 8254).
constexpr uint32_t kPitHz = 1193182;
constexpr uint32_t kPitCount = kPitHz / 100;  // 10 ms

bool g_x2apic;
bool g_deadline_timer;
uint64_t g_counter_hz;
uint64_t g_timer_ratio;  // timer ticks in a counter tick, times 2^32

uint32_t Read(Register r) {
  if (g_x2apic) return static_cast<uint32_t>(ReadMsr(kMsrX2ApicFirst + (r >> 4)));
  return *reinterpret_cast<volatile uint32_t*>(kDeviceMap + r);
}

void Write(Register r, uint32_t value) {
  if (g_x2apic) {
    WriteMsr(kMsrX2ApicFirst + (r >> 4), value);
  } else {
    *reinterpret_cast<volatile uint32_t*>(kDeviceMap + r) = value;
  }
}

struct Sample {
  uint64_t tsc;
  uint32_t timer;
  uint32_t pit;
};

// All three clocks at one moment: of several attempts the one that took the least time, so that a
// processor that is taken away meanwhile (by a hypervisor below, by firmware) does not matter.
Sample TakeSample() {
  constexpr int kAttempts = 32;
  Sample best = {};
  uint64_t best_gap = ~uint64_t{0};
  for (int i = 0; i < kAttempts; ++i) {
    const uint64_t before = ReadTsc();
    Out8(0x43, 0x80);  // latch channel 2
    const uint32_t low = In8(0x42);
    const uint32_t pit = low | uint32_t{In8(0x42)} << 8;
    const uint32_t timer = Read(kCurrentCount);
    const uint64_t gap = ReadTsc() - before;
    if (gap < best_gap) {
      best_gap = gap;
      best = {before + gap / 2, timer, pit};
    }
  }
  return best;
}

// Whether channel 2 has counted down to its end: its output is high from then on, and what it
// counts starts again.
bool CountedOut() { return (In8(0x61) & 0x20) != 0; }

// Two samples at least `distance` of the interval timer's ticks apart. False if there were none
// before the count ran out.
bool Measure(uint32_t distance, Sample& first, Sample& last) {
  Out8(0x43, 0xb0);  // channel 2, both bytes, mode 0: counts down once
  Out8(0x42, 0xff);
  Out8(0x42, 0xff);
  Write(kInitialCount, ~uint32_t{0});
  first = TakeSample();
  // Bounded: a machine without this counter does not hang here.
  constexpr int kMostSamples = 100'000;
  for (int i = 0; i < kMostSamples; ++i) {
    last = TakeSample();
    if (CountedOut()) return false;
    if (first.pit > last.pit && first.pit - last.pit >= distance) {
      return last.tsc > first.tsc && first.timer > last.timer;
    }
  }
  return false;
}

void Calibrate() {
  Out8(0x61, (In8(0x61) & ~0x2) | 0x1);  // gate on, speaker off
  Write(kDivide, 0xb);                   // by one
  Sample first = {};
  Sample last = {};
  // The count takes 55 ms. A machine that is itself virtual may be kept from running for longer
  // than that again and again: then less distance, and a little less precision, has to do.
  constexpr int kAttemptsEach = 5;
  constexpr uint32_t kLeastDistance = kPitCount / 16;
  bool measured = false;
  for (uint32_t distance = kPitCount; distance >= kLeastDistance && !measured; distance /= 2) {
    for (int i = 0; i < kAttemptsEach && !measured; ++i) measured = Measure(distance, first, last);
  }
  Write(kInitialCount, 0);
  if (!measured) {
    Fatal("cannot measure the processor's timers against the interval timer (8254)");
  }
  const uint64_t pit = first.pit - last.pit;
  g_counter_hz = (last.tsc - first.tsc) * kPitHz / pit;
  const uint64_t timer_hz = uint64_t{first.timer - last.timer} * kPitHz / pit;
  // A local APIC's timer runs at less than 4 GHz: the shift keeps all its bits.
  g_timer_ratio = (timer_hz << 32) / g_counter_hz;
}

}  // namespace

uint64_t LocalApicPhysical() { return ReadMsr(kMsrApicBase) & 0x000f'ffff'ffff'f000; }
uint64_t CounterHz() { return g_counter_hz; }
uint64_t Now() { return ReadTsc(); }

uint32_t LocalApicId() { return g_x2apic ? Read(kId) : Read(kId) >> 24; }

void AcknowledgeInterrupt() { Write(kEndOfInterrupt, 0); }

void InitializeLocalApic() {
  // The two interrupt controllers of the PC stay silent: all inputs masked.
  Out8(0x21, 0xff);
  Out8(0xa1, 0xff);

  // The first CPU decides for all.
  uint64_t base = ReadMsr(kMsrApicBase);
  if (g_counter_hz == 0) g_x2apic = (base & kBaseX2Apic) != 0;
  if (g_x2apic) base |= kBaseX2Apic;
  g_deadline_timer = (Cpuid(1).ecx & (1 << 24)) != 0;
  WriteMsr(kMsrApicBase, base | kBaseEnable);
  Write(kTaskPriority, 0);
  Write(kLint0, kMasked);
  Write(kLint1, kMasked);
  Write(kTimer, kMasked | kTimerVector);
  Write(kSpurious, 0x100 | kSpuriousVector);
  if (g_counter_hz == 0) Calibrate();
  Write(kTimer, kTimerVector | (g_deadline_timer ? kTscDeadlineMode : 0));
}

bool CanReach(uint64_t apic_id) {
  // The registers in memory have eight bits for it, of which all ones means everybody.
  constexpr uint64_t kEverybody = 0xff;
  constexpr uint64_t kEverybodyX2 = ~uint32_t{0};
  return apic_id < (g_x2apic ? kEverybodyX2 : kEverybody);
}

void SendInterprocessor(uint64_t apic_id, uint32_t command) {
  if (g_x2apic) {
    // WRMSR to the x2APIC does not wait for stores before it (Intel SDM 3A, 11.12.3).
    asm volatile("mfence; lfence" : : : "memory");
    WriteMsr(kMsrX2ApicFirst + (kCommand >> 4), apic_id << 32 | command);
    return;
  }
  Write(kCommandHigh, static_cast<uint32_t>(apic_id << 24));
  Write(kCommand, command);
  for (int i = 0; i < kPatience && (Read(kCommand) & kPending) != 0; ++i) {
  }
}

void Delay(uint64_t microseconds) {
  const uint64_t end = ReadTsc() + microseconds * g_counter_hz / 1'000'000;
  while (ReadTsc() < end) asm volatile("pause");
}

void ProgramTimer(uint64_t deadline) {
  if (g_deadline_timer) {
    // Zero would disarm it; the past fires at once.
    WriteMsr(kMsrTscDeadline, deadline == ~uint64_t{0} ? 0 : std::max<uint64_t>(deadline, 1));
    return;
  }
  if (deadline == ~uint64_t{0}) {
    Write(kInitialCount, 0);
    return;
  }
  const uint64_t now = ReadTsc();
  const uint64_t ticks = deadline > now ? deadline - now : 0;
  // A wait that does not fit the counter ends early; whoever waits looks at the clock anyway.
  const auto count = static_cast<unsigned __int128>(ticks) * g_timer_ratio >> 32;
  const auto most = static_cast<unsigned __int128>(~uint32_t{0} - 1);
  Write(kInitialCount, static_cast<uint32_t>(std::min(count, most)) + 1);
}

}  // namespace bulkhead::arch
