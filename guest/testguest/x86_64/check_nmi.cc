// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// Non-maskable interrupts that the processor sends itself (AMD APM 2, 16.5; Intel SDM 3A, 6.7).

#include <cstdint>
#include <string_view>

#include "guest/testguest/tap.h"
#include "guest/testguest/x86_64/interrupts.h"
#include "guest/testguest/x86_64/processor_checks.h"

namespace bulkhead::testguest {
namespace {

constexpr uint32_t kIcr = 0x830;
constexpr uint64_t kNmiToFirst = 4 << 8;  // delivery mode NMI, to the x2APIC 0

uint64_t came;
bool nested;

void SendNmi() { asm volatile("wrmsr" : : "c"(kIcr), "a"(kNmiToFirst), "d"(0) : "memory"); }

void Count(Frame& /*frame*/) { came = came + 1; }

// One more is sent while the first is served: it comes behind this handler's IRET, not before.
void CountAndSend(Frame& /*frame*/) {
  came = came + 1;
  if (came > 1) return;
  SendNmi();
  (void)GetCpuid(0);
  nested = came != 1;
}

}  // namespace

void CheckNmi() {
  constexpr std::string_view kComes = "an NMI comes while RFLAGS.IF is 0";
  constexpr std::string_view kWaits = "an NMI waits for the IRET of the one before";
  constexpr std::string_view kAfter = "and comes then";
  {
    const ScopedHandler handler(kNmiVector, Count);
    came = 0;
    SendNmi();
    asm volatile("nop" : : : "memory");
  }
  if (came == 0) {
    for (const auto what : {kComes, kWaits, kAfter}) Skip(what, "this platform delivers no NMI");
    return;
  }
  CheckEqual(came, 1, kComes);
  const ScopedHandler handler(kNmiVector, CountAndSend);
  came = 0;
  SendNmi();
  asm volatile("nop" : : : "memory");
  Check(!nested, kWaits);
  CheckEqual(came, 2, kAfter);
}

}  // namespace bulkhead::testguest
