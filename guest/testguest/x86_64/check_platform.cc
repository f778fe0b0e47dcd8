// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "guest/testguest/checks.h"
#include "guest/testguest/share.h"
#include "guest/testguest/tap.h"
#include "guest/testguest/x86_64/interrupts.h"
#include "guest/testguest/x86_64/processor_checks.h"
#include "vmm/x86_64/layout.h"
#include "vmm/x86_64/pvclock.h"

namespace bulkhead::testguest {
namespace {

constexpr uint32_t kX2apicId = 0x802;
constexpr uint32_t kX2apicVersion = 0x803;
constexpr uint32_t kX2apicSpurious = 0x80f;
constexpr uint32_t kX2apicIcr = 0x830;
constexpr uint32_t kX2apicTimer = 0x832;
constexpr uint32_t kX2apicInitialCount = 0x838;
constexpr uint32_t kX2apicDivide = 0x83e;
constexpr uint32_t kX2apicSelfIpi = 0x83f;
constexpr uint32_t kTscDeadline = 0x6e0;
constexpr uint32_t kPvclockMsr = 0x4b564d01;

constexpr uint8_t kSelfVector = 0x40;
constexpr uint8_t kIcrVector = 0x41;
constexpr uint8_t kDeadlineVector = 0x42;
constexpr uint8_t kOneShotVector = 0x43;
constexpr uint8_t kPeriodicVector = 0x44;

constexpr uint64_t kSelect = layout::kIoApicBase;
constexpr uint64_t kWindow = layout::kIoApicBase + 0x10;

alignas(64) PvclockVcpuTimeInfo time_info;

bool StartClock() { return WriteMsr(kPvclockMsr, reinterpret_cast<uint64_t>(&time_info) | 1); }

}  // namespace

uint64_t ClockNow() {
  if (time_info.version == 0) StartClock();
  const volatile PvclockVcpuTimeInfo* info = &time_info;
  for (;;) {
    const uint32_t version = info->version;
    const TscScale scale = {info->tsc_to_system_mul, info->tsc_shift};
    const uint64_t now =
        info->system_time + TicksToNanoseconds(scale, ReadTsc() - info->tsc_timestamp);
    if ((version & 1) == 0 && version == info->version) return now;
  }
}

void CheckInterrupts() {
  const MsrResult id = ReadMsr(kX2apicId);
  if (!Check(!id.fault && id.value == 0, "x2APIC id")) return;
  Check((ReadMsr(kX2apicVersion).value & 0xff) >= 0x10, "x2APIC version");
  Check(WriteMsr(kX2apicSpurious, 0x1ff), "x2APIC is enabled");

  WriteMsr(kX2apicSelfIpi, kSelfVector);
  Check(InterruptCount(kSelfVector) == 0, "no interrupt while IF is 0");
  TakeInterrupts();
  CheckEqual(InterruptCount(kSelfVector), 1, "self-IPI");
  WriteMsr(kX2apicIcr, kIcrVector);  // fixed, to id 0
  TakeInterrupts();
  CheckEqual(InterruptCount(kIcrVector), 1, "IPI to itself through ICR");

  WriteMsr(kX2apicTimer, 2 << 17 | kDeadlineVector);
  const uint64_t deadline = ReadTsc() + 1'000'000;
  WriteMsr(kTscDeadline, deadline);
  Check(HaltUntil(kDeadlineVector, 0), "TSC deadline wakes HLT");
  Check(ReadTsc() >= deadline, "TSC deadline is not early");
  CheckEqual(ReadMsr(kTscDeadline).value, 0, "TSC deadline is disarmed when it fires");

  WriteMsr(kX2apicDivide, 0xb);  // by 1
  WriteMsr(kX2apicTimer, kOneShotVector);
  WriteMsr(kX2apicInitialCount, 1'000'000);
  Check(HaltUntil(kOneShotVector, 0), "one-shot timer wakes HLT");
  CheckEqual(InterruptCount(kOneShotVector), 1, "one-shot timer fires once");

  WriteMsr(kX2apicTimer, 1 << 17 | kPeriodicVector);
  WriteMsr(kX2apicInitialCount, 1'000'000);
  Check(HaltUntil(kPeriodicVector, 2), "periodic timer fires again");
  WriteMsr(kX2apicTimer, 1 << 16);

  // A pending interrupt stops a loop that never exits by itself.
  const uint64_t before = InterruptCount(kDeadlineVector);
  WriteMsr(kX2apicTimer, 2 << 17 | kDeadlineVector);
  WriteMsr(kTscDeadline, ReadTsc() + 1'000'000);
  const uint64_t start = ReadTsc();
  asm volatile("sti");
  while (InterruptCount(kDeadlineVector) == before && ReadTsc() - start < kPatience) {
  }
  asm volatile("cli");
  Check(InterruptCount(kDeadlineVector) > before, "the timer interrupts a busy loop");
  CheckInterruptShadow();
  CheckDelivery();
  CheckNmi();
}

void CheckClock() {
  if (!Check(StartClock(), "paravirtual clock can be registered")) return;
  Check(time_info.version != 0 && time_info.version % 2 == 0, "clock version is even");
  CheckEqual(time_info.flags & kPvclockTscStable, 1, "clock is stable");
  const uint64_t first = ClockNow();
  uint64_t last = first;
  bool monotonic = true;
  for (int i = 0; i < 10'000; ++i) {
    const uint64_t now = ClockNow();
    monotonic = monotonic && now >= last;
    last = now;
  }
  Check(monotonic, "clock never goes back");
  Check(last > first, "clock advances");
  Check(!WriteMsr(kPvclockMsr, (uint64_t{1} << 45) | 1), "clock outside memory: #GP");
}

void CheckDevices() {
  WriteMmio<uint32_t>(kSelect, 1);
  CheckEqual(ReadMmio<uint32_t>(kWindow), 0x00170011, "I/O APIC version");
  WriteMmio<uint32_t>(kSelect, 0x11);
  WriteMmio<uint32_t>(kWindow, 0xab000000);
  CheckEqual(ReadMmio<uint32_t>(kWindow), 0xab000000, "I/O APIC entry keeps its destination");

  CheckMmio();

  CheckEqual(ReadMmio<uint32_t>(layout::VirtioMmioAddress(0)), 0x74726976, "virtio-mmio magic");
  CheckEqual(ReadMmio<uint32_t>(layout::VirtioMmioAddress(0) + 4), 2, "virtio-mmio version");
  bool console = false, rng = false;
  for (uint32_t i = 0; i < layout::kMaxVirtioDevices; ++i) {
    const uint64_t at = layout::VirtioMmioAddress(i);
    if (ReadMmio<uint32_t>(at) != 0x74726976) break;
    const uint32_t id = ReadMmio<uint32_t>(at + 8);
    if (id == 3) CheckWideMmio(at + 0x100);
    console = console || id == 3;
    rng = rng || id == 4;
    // The last device is known by what it is: there may be fewer than the platform has room for.
    if (console && rng) break;
  }
  Check(console, "there is a console");
  Check(rng, "there is a random number generator");
}

}  // namespace bulkhead::testguest
