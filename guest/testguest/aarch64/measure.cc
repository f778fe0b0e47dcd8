// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "guest/testguest/measure.h"

#include <algorithm>
#include <cstdint>
#include <string_view>

#include "guest/testguest/aarch64/cpu.h"
#include "guest/testguest/tap.h"
#include "vmm/aarch64/layout.h"
#include "vmm/aarch64/smccc.h"

namespace bulkhead::testguest {
namespace {

constexpr uint32_t kTurns = 1000;
constexpr int kBatches = 20;

// Ticks that kTurns turns of a loop around `instruction` take, which finds `x0` and `x1` in the
// registers of that name.
#define TIMED_LOOP(name, instruction)                            \
  uint64_t name(uint64_t x0, uint64_t x1) {                      \
    uint64_t turns = kTurns;                                     \
    const uint64_t start = ReadCounter();                        \
    asm volatile("1: mov x0, %[x0]; mov x1, %[x1]\n" instruction \
                 "\n subs %[turns], %[turns], #1; b.ne 1b\n"     \
                 : [turns] "+r"(turns)                           \
                 : [x0] "r"(x0), [x1] "r"(x1)                    \
                 : "x0", "x1", "x2", "x3", "memory", "cc");      \
    return ReadCounter() - start;                                \
  }

TIMED_LOOP(Nothing, "")
TIMED_LOOP(HvcLoop, "hvc #0")
TIMED_LOOP(LoadLoop, "ldr w2, [x0]")
TIMED_LOOP(StoreLoop, "str w1, [x0]")
TIMED_LOOP(SendLoop, "msr icc_sgi1r_el1, x0")
TIMED_LOOP(IdentifyLoop, "mrs x2, id_aa64pfr0_el1")
#undef TIMED_LOOP

// The least of several batches: whatever else the machine did meanwhile is not the exit's cost.
uint64_t Least(uint64_t (*loop)(uint64_t, uint64_t), uint64_t x0, uint64_t x1) {
  uint64_t least = ~uint64_t{0};
  for (int i = 0; i < kBatches; ++i) least = std::min(least, loop(x0, x1));
  return least;
}

void Measure(std::string_view name, uint64_t (*loop)(uint64_t, uint64_t), uint64_t x0,
             uint64_t x1 = 0) {
  const uint64_t ticks = Least(loop, x0, x1) - Least(Nothing, x0, x1);
  const uint64_t nanoseconds = ticks * 1'000'000'000 / CounterHz();
  Line line;
  line << "measured " << name << ' ' << (nanoseconds + kTurns / 2) / kTurns << "\n";
  Print(line.view());
}

}  // namespace

void MeasureExits() {
  // To no processor at all: an empty target list.
  Measure("sgi-to-nobody", SendLoop, uint64_t{5} << 24);
  Measure("smccc-version", HvcLoop, smccc::kVersion);
  Measure("psci-version", HvcLoop, smccc::kPsciVersion);
  Measure("virtio-load", LoadLoop, layout::VirtioMmioAddress(0));
  Measure("gicd-load", LoadLoop, layout::kGicdBase + 4);
  Measure("gicd-store", StoreLoop, layout::kGicdBase + 0x104);
  Measure("id-register", IdentifyLoop, 0);
  Print("measured all 0\n");
}

// MeasureExits has both: the bare loop answers for any address.
void MeasurePlatform() {}

}  // namespace bulkhead::testguest
