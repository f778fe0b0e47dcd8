// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_GUEST_TESTGUEST_X86_64_CPU_H_
#define BULKHEAD_GUEST_TESTGUEST_X86_64_CPU_H_

// Instructions, and interrupts as counters.

#include <cstdint>

#include "guest/testguest/machine.h"

namespace bulkhead::testguest {

inline void Out8(uint16_t port, uint8_t value) {
  asm volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}
inline uint8_t In8(uint16_t port) {
  uint8_t value;
  asm volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
  return value;
}
inline uint16_t In16(uint16_t port) {
  uint16_t value;
  asm volatile("inw %1, %0" : "=a"(value) : "Nd"(port));
  return value;
}
inline uint32_t In32(uint16_t port) {
  uint32_t value;
  asm volatile("inl %1, %0" : "=a"(value) : "Nd"(port));
  return value;
}

struct Cpuid {
  uint32_t eax, ebx, ecx, edx;
};
inline Cpuid GetCpuid(uint32_t leaf, uint32_t subleaf = 0) {
  Cpuid r;
  asm volatile("cpuid"
               : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx)
               : "a"(leaf), "c"(subleaf));
  return r;
}

inline uint64_t ReadTsc() {
  uint32_t low, high;
  asm volatile("lfence; rdtsc" : "=a"(low), "=d"(high) : : "memory");
  return uint64_t{high} << 32 | low;
}

template <typename T>
T ReadMmio(uint64_t address) {
  return *reinterpret_cast<volatile T*>(address);
}
template <typename T>
void WriteMmio(uint64_t address, T value) {
  *reinterpret_cast<volatile T*>(address) = value;
}

// An exception from these is told, not fatal.
struct MsrResult {
  bool fault;
  uint64_t value;
};
MsrResult ReadMsr(uint32_t index);
bool WriteMsr(uint32_t index, uint64_t value);  // false: #GP

// One element of OUTSB or INSB at this linear address. What it raised; vector 0: nothing.
struct Exception {
  uint64_t vector, error;
  uint64_t address;  // CR2, of a page fault
};
Exception StringOut8(uint16_t port, uint64_t from);
Exception StringIn8(uint16_t port, uint64_t to);

// How often a vector of 32 to 255 came. The handler writes the x2APIC's EOI.
uint64_t InterruptCount(uint8_t vector);

// What takes longer than this does not come any more: ticks of the counter, a minute or so. Other
// pods and a busy machine make everything slow.
inline constexpr uint64_t kPatience = 50'000'000'000;

// HLT with interrupts on until `vector` has come more than `before` times. False after kPatience,
// if something else woke it then.
bool HaltUntil(uint8_t vector, uint64_t before);

}  // namespace bulkhead::testguest

#endif  // BULKHEAD_GUEST_TESTGUEST_X86_64_CPU_H_
