// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "guest/testguest/measure.h"

#include <algorithm>
#include <cstdint>
#include <string_view>

#include "guest/testguest/tap.h"
#include "guest/testguest/x86_64/cpu.h"
#include "vmm/x86_64/layout.h"

namespace bulkhead::testguest {
namespace {

constexpr uint32_t kTurns = 1000;
constexpr int kBatches = 20;

constexpr uint32_t kX2apicId = 0x802;
constexpr uint32_t kX2apicEoi = 0x80b;
constexpr uint32_t kTscDeadline = 0x6e0;

// A virtio-mmio device's first register: on our platform and on QEMU's microvm.
constexpr uint32_t kVirtioMmio[] = {layout::kVirtioMmioBase, 0xfeb00000};
constexpr uint32_t kVirtioMagic = 0x74726976;  // "virt" (virtio 1.2, 4.2.2)

// Our guests start with the x2APIC on, others have to ask (Intel SDM 3A, 11.12.1).
void EnableX2apic() {
  constexpr uint32_t kApicBase = 0x1b, kEnabled = 3 << 10;
  uint32_t low, high;
  asm volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(kApicBase));
  asm volatile("wrmsr" : : "a"(low | kEnabled), "d"(high), "c"(kApicBase));
}

// Ticks that kTurns turns of a loop around `instruction` take, which finds `eax` and `ecx` in the
// registers of that name and zero in EDX and RDI.
#define TIMED_LOOP(name, instruction)                                                \
  uint64_t name(uint32_t eax, uint32_t ecx) {                                        \
    uint64_t ticks;                                                                  \
    uint32_t turns = kTurns;                                                         \
    asm volatile(                                                                    \
        "rdtsc; shlq $32, %%rdx; orq %%rdx, %%rax; movq %%rax, %%r8\n"               \
        "1: movl %[eax], %%eax; movl %[ecx], %%ecx; xorl %%edx, %%edx\n" instruction \
        "\n decl %[turns]; jnz 1b\n"                                                 \
        "rdtsc; shlq $32, %%rdx; orq %%rdx, %%rax; subq %%r8, %%rax\n"               \
        : "=&a"(ticks), [turns] "+r"(turns)                                          \
        : [eax] "r"(eax), [ecx] "r"(ecx), "D"(uint64_t{0})                           \
        : "rbx", "rcx", "rdx", "r8", "memory", "cc");                                \
    return ticks;                                                                    \
  }

TIMED_LOOP(Nothing, "")
TIMED_LOOP(CpuidLoop, "cpuid")
TIMED_LOOP(ReadMsrLoop, "rdmsr")
TIMED_LOOP(WriteMsrLoop, "wrmsr")
TIMED_LOOP(VmmcallLoop, "vmmcall")
TIMED_LOOP(LoadLoop, "movl (%%rcx), %%ebx")
#undef TIMED_LOOP

// The least of several batches: whatever else the machine did meanwhile is not the exit's cost.
uint64_t Least(uint64_t (*loop)(uint32_t, uint32_t), uint32_t eax, uint32_t ecx) {
  uint64_t least = ~uint64_t{0};
  for (int i = 0; i < kBatches; ++i) least = std::min(least, loop(eax, ecx));
  return least;
}

void Measure(std::string_view name, uint64_t (*loop)(uint32_t, uint32_t), uint32_t eax,
             uint32_t ecx) {
  const uint64_t ticks = Least(loop, eax, ecx) - Least(Nothing, eax, ecx);
  Line line;
  line << "measured " << name << ' ' << (ticks + kTurns / 2) / kTurns << "\n";
  Print(line.view());
}

}  // namespace

void MeasureExits() {
  EnableX2apic();
  Measure("x2apic-id", ReadMsrLoop, 0, kX2apicId);
  Measure("x2apic-eoi", WriteMsrLoop, 0, kX2apicEoi);
  Measure("tsc-deadline", WriteMsrLoop, 0, kTscDeadline);
  Measure("cpuid-0", CpuidLoop, 0, 0);
  Measure("cpuid-1", CpuidLoop, 1, 0);
  Measure("cpuid-7", CpuidLoop, 7, 0);
  Print("measured all 0\n");
}

void MeasurePlatform() {
  // One that does nothing: Xen's version; on others no call or, on KVM, the poll for interrupts.
  if (IsAmd()) Measure("hypercall", VmmcallLoop, IsXen() ? 17 : 1, 0);
  for (const uint32_t base : kVirtioMmio) {
    if (ReadMmio<uint32_t>(base) != kVirtioMagic) continue;
    Measure("virtio-load", LoadLoop, 0, base);
    break;
  }
}

}  // namespace bulkhead::testguest
