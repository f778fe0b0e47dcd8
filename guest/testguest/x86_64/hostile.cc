// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// What a guest may do with an x86_64 processor.

#include <string_view>

#include "guest/testguest/checks.h"
#include "guest/testguest/machine.h"
#include "guest/testguest/tap.h"
#include "guest/testguest/x86_64/debug_events.h"
#include "guest/testguest/x86_64/descriptors.h"
#include "guest/testguest/x86_64/interrupts.h"
#include "guest/testguest/x86_64/pages.h"
#include "vmm/x86_64/layout.h"

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

// A breakpoint on the first instruction of its own handler, with a stack that is always the same:
// no instruction is ever carried out. (A breakpoint on that stack, which is CVE-2015-8104, stops
// QEMU.)
[[noreturn]] void StormDebug() {
  SetGate(kDebugVector, {.stack = 1});
  WriteDr0(HandlerAddress(kDebugVector));
  WriteDr7(kDebugAlwaysSet | Enable(0, Watch::kExecute));
  Print("# storm\n");
  asm volatile("int $1");
  for (;;) asm volatile("");
}

// An interrupt that may not come because it is of the task priority's own class. QEMU's emulator
// says again and again that it may.
[[noreturn]] void StormPriority() {
  WriteMsr(0x80f, 0x1ff);
  WriteCr8(5);
  WriteMsr(0x83f, 0x50);
  Print("# storm\n");
  asm volatile("sti");
  for (;;) asm volatile("");
}

// Mapped, but neither memory nor device.
constexpr uint64_t kNowhere = 0xe0000000;

void LoseTables() { WriteCr3(kNowhere); }

void LoseStack() { asm volatile("movq %0, %%rsp; ud2" : : "r"(kNowhere + 0x100)); }

void LoseGates() {
  const DescriptorTable gates = {0xfff, kNowhere};
  asm volatile("lidt %0; ud2" : : "m"(gates));
}

// #PF by a store, delivered onto a device: it is not the store that the device is to see.
void PutStackOnDevice() {
  asm volatile("movq %0, %%rsp; movl %%eax, (%1)"
               :
               : "r"(layout::kIoApicBase + 0x100), "r"(WindowAddress(0))
               : "memory");
}

void StoreVector() { asm volatile("movups %%xmm0, (%0)" : : "r"(layout::kIoApicBase) : "memory"); }

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
  } else if (mode == "debug-storm") {
    StormDebug();
  } else if (mode == "priority-storm") {
    StormPriority();
  } else if (mode == "lose-tables") {
    LoseTables();
  } else if (mode == "lose-stack") {
    LoseStack();
  } else if (mode == "lose-gates") {
    LoseGates();
  } else if (mode == "stack-on-device") {
    PutStackOnDevice();
  } else if (mode == "store-vector") {
    StoreVector();
  }
}

}  // namespace bulkhead::testguest
