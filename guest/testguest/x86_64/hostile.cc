// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// What a guest may do with an x86_64 processor.

#include <string_view>

#include "guest/testguest/checks.h"
#include "guest/testguest/machine.h"
#include "guest/testguest/tap.h"
#include "guest/testguest/x86_64/interrupts.h"

namespace bulkhead::testguest {
namespace {

void TripleFault() {
  const struct [[gnu::packed]] {
    uint16_t limit;
    uint64_t base;
  } nothing = {0, 0};
  asm volatile("lidt %0; ud2" : : "m"(nothing));
}

// Protection keys, which CPUID does not offer and CR4 gives all the same. What the value forbids is
// of keys that no page has.
constexpr uint32_t kMark = 0xfffffff0;

void AllowProtectionKeys() {
  asm volatile("movq %%cr4, %%rax; btsq $22, %%rax; movq %%rax, %%cr4" : : : "rax", "memory");
}

[[noreturn]] void MarkRegisters() {
  AllowProtectionKeys();
  Print("# marked\n");
  for (;;) asm volatile("wrpkru" : : "a"(kMark), "c"(0), "d"(0));
}

// For a good number of time slices: what others leave behind shows.
void FindMarks() {
  AllowProtectionKeys();
  uint32_t found = 0;
  uint32_t rounds = 0;
  for (const uint64_t start = ReadTsc(); ReadTsc() - start < uint64_t{1} << 31; ++rounds) {
    uint32_t value, zero;
    asm volatile("rdpkru" : "=a"(value), "=d"(zero) : "c"(0));
    found |= value;
  }
  Line line;
  line << "# after " << rounds << " rounds found " << Hex{found} << "\n";
  Print(line.view());
  if (found == 0) PowerOff();
}

// A timer that has fired again before the processor can halt, and that interrupts nobody.
[[noreturn]] void StormTimer() {
  WriteMsr(0x80f, 0x1ff);
  WriteMsr(0x83e, 0xb);                       // divide by one
  WriteMsr(0x832, 1 << 17 | 1 << 16 | 0x40);  // periodic, masked
  WriteMsr(0x838, 1);
  Print("# storm\n");
  for (;;) asm volatile("sti; hlt");
}

}  // namespace

void BeHostileToMachine(std::string_view mode) {
  if (mode == "triple-fault") {
    TripleFault();
  } else if (mode == "spin-masked") {
    asm volatile("cli");
    for (;;) asm volatile("");
  } else if (mode == "hlt-cli") {
    asm volatile("cli; hlt");
  } else if (mode == "mark-registers") {
    MarkRegisters();
  } else if (mode == "find-marks") {
    FindMarks();
  } else if (mode == "timer-storm") {
    StormTimer();
  }
}

}  // namespace bulkhead::testguest
