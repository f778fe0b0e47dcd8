// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_GUEST_TESTGUEST_X86_64_CPU_H_
#define BULKHEAD_GUEST_TESTGUEST_X86_64_CPU_H_

// Instructions.

#include <cstdint>

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

// Whether it is one of AMD's processors or of those made after them.
inline bool IsAmd() {
  const uint32_t vendor = GetCpuid(0).ebx;
  return vendor == 0x68747541 || vendor == 0x6f677948;  // "Auth", "Hygo"
}

// Whether the machine is one of Xen's (Xen public/arch-x86/cpuid.h).
inline bool IsXen() { return GetCpuid(0x40000000).ebx == 0x566e6558; }  // "XenV"

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

#define BULKHEAD_REGISTER(name, reg)                           \
  inline uint64_t Read##name() {                               \
    uint64_t value;                                            \
    asm volatile("movq %%" reg ", %0" : "=r"(value));          \
    return value;                                              \
  }                                                            \
  inline void Write##name(uint64_t value) {                    \
    asm volatile("movq %0, %%" reg : : "r"(value) : "memory"); \
  }
BULKHEAD_REGISTER(Cr0, "cr0")
BULKHEAD_REGISTER(Cr2, "cr2")
BULKHEAD_REGISTER(Cr3, "cr3")
BULKHEAD_REGISTER(Cr4, "cr4")
BULKHEAD_REGISTER(Cr8, "cr8")
BULKHEAD_REGISTER(Dr0, "dr0")
BULKHEAD_REGISTER(Dr1, "dr1")
BULKHEAD_REGISTER(Dr2, "dr2")
BULKHEAD_REGISTER(Dr3, "dr3")
BULKHEAD_REGISTER(Dr6, "dr6")
BULKHEAD_REGISTER(Dr7, "dr7")
#undef BULKHEAD_REGISTER

}  // namespace bulkhead::testguest

#endif  // BULKHEAD_GUEST_TESTGUEST_X86_64_CPU_H_
