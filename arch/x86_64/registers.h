// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_ARCH_X86_64_REGISTERS_H_
#define BULKHEAD_ARCH_X86_64_REGISTERS_H_

// Access to control and model-specific registers, and their numbers (AMD APM 2, appendix A).

#include <cstdint>

namespace bulkhead::arch {

inline constexpr uint32_t kMsrApicBase = 0x1b;
inline constexpr uint32_t kMsrTscDeadline = 0x6e0;
inline constexpr uint32_t kMsrX2ApicFirst = 0x800;
inline constexpr uint32_t kMsrX2ApicEoi = 0x80b;
inline constexpr uint32_t kMsrX2ApicLast = 0x83f;
inline constexpr uint32_t kMsrEfer = 0xc0000080;
inline constexpr uint32_t kMsrStar = 0xc0000081;
inline constexpr uint32_t kMsrLstar = 0xc0000082;
inline constexpr uint32_t kMsrCstar = 0xc0000083;
inline constexpr uint32_t kMsrSfmask = 0xc0000084;
inline constexpr uint32_t kMsrFsBase = 0xc0000100;
inline constexpr uint32_t kMsrGsBase = 0xc0000101;
inline constexpr uint32_t kMsrKernelGsBase = 0xc0000102;
inline constexpr uint32_t kMsrTscAux = 0xc0000103;
inline constexpr uint32_t kMsrSysenterCs = 0x174;
inline constexpr uint32_t kMsrSysenterEsp = 0x175;
inline constexpr uint32_t kMsrSysenterEip = 0x176;
inline constexpr uint32_t kMsrPat = 0x277;
inline constexpr uint32_t kMsrVmCr = 0xc0010114;
inline constexpr uint32_t kMsrVmHsavePa = 0xc0010117;

inline constexpr uint64_t kEferSce = 1 << 0;
inline constexpr uint64_t kEferLme = 1 << 8;
inline constexpr uint64_t kEferLma = 1 << 10;
inline constexpr uint64_t kEferNxe = 1 << 11;
inline constexpr uint64_t kEferSvme = 1 << 12;

inline constexpr uint64_t kCr0Pe = 1 << 0;
inline constexpr uint64_t kCr0Mp = 1 << 1;
inline constexpr uint64_t kCr0Em = 1 << 2;
inline constexpr uint64_t kCr0Ts = 1 << 3;
inline constexpr uint64_t kCr0Ne = 1 << 5;
inline constexpr uint64_t kCr0Wp = 1 << 16;
inline constexpr uint64_t kCr0Nw = 1 << 29;
inline constexpr uint64_t kCr0Cd = 1 << 30;
inline constexpr uint64_t kCr0Pg = uint64_t{1} << 31;

inline constexpr uint64_t kCr4Vme = 1 << 0;
inline constexpr uint64_t kCr4Pvi = 1 << 1;
inline constexpr uint64_t kCr4Tsd = 1 << 2;
inline constexpr uint64_t kCr4De = 1 << 3;
inline constexpr uint64_t kCr4Pse = 1 << 4;
inline constexpr uint64_t kCr4Pae = 1 << 5;
inline constexpr uint64_t kCr4Mce = 1 << 6;
inline constexpr uint64_t kCr4Pge = 1 << 7;
inline constexpr uint64_t kCr4Pce = 1 << 8;
inline constexpr uint64_t kCr4Osfxsr = 1 << 9;
inline constexpr uint64_t kCr4Osxmmexcpt = 1 << 10;
inline constexpr uint64_t kCr4Umip = 1 << 11;
inline constexpr uint64_t kCr4Vmxe = 1 << 13;
inline constexpr uint64_t kCr4Smxe = 1 << 14;
inline constexpr uint64_t kCr4Fsgsbase = 1 << 16;
inline constexpr uint64_t kCr4Pcide = 1 << 17;
inline constexpr uint64_t kCr4Osxsave = 1 << 18;
inline constexpr uint64_t kCr4Smep = 1 << 20;
inline constexpr uint64_t kCr4Smap = 1 << 21;
inline constexpr uint64_t kCr4Pke = 1 << 22;

inline constexpr uint64_t kRflagsTf = 1 << 8;
inline constexpr uint64_t kRflagsIf = 1 << 9;
inline constexpr uint64_t kRflagsRf = 1 << 16;

inline constexpr uint64_t kDr6SingleStep = 1 << 14;

inline uint64_t ReadMsr(uint32_t index) {
  uint32_t low;
  uint32_t high;
  asm volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(index));
  return uint64_t{high} << 32 | low;
}

inline void WriteMsr(uint32_t index, uint64_t value) {
  asm volatile("wrmsr"
               :
               : "c"(index), "a"(static_cast<uint32_t>(value)),
                 "d"(static_cast<uint32_t>(value >> 32))
               : "memory");
}

#define BULKHEAD_CONTROL_REGISTER(Name, name)                   \
  inline uint64_t Read##Name() {                                \
    uint64_t value;                                             \
    asm volatile("mov %%" #name ", %0" : "=r"(value));          \
    return value;                                               \
  }                                                             \
  inline void Write##Name(uint64_t value) {                     \
    asm volatile("mov %0, %%" #name : : "r"(value) : "memory"); \
  }
BULKHEAD_CONTROL_REGISTER(Cr0, cr0)
BULKHEAD_CONTROL_REGISTER(Cr2, cr2)
BULKHEAD_CONTROL_REGISTER(Cr3, cr3)
BULKHEAD_CONTROL_REGISTER(Cr4, cr4)
BULKHEAD_CONTROL_REGISTER(Dr0, dr0)
BULKHEAD_CONTROL_REGISTER(Dr1, dr1)
BULKHEAD_CONTROL_REGISTER(Dr2, dr2)
BULKHEAD_CONTROL_REGISTER(Dr3, dr3)
BULKHEAD_CONTROL_REGISTER(Dr6, dr6)
#undef BULKHEAD_CONTROL_REGISTER

inline uint64_t ReadTsc() {
  uint32_t low;
  uint32_t high;
  asm volatile("rdtsc" : "=a"(low), "=d"(high));
  return uint64_t{high} << 32 | low;
}

struct CpuidResult {
  uint32_t eax, ebx, ecx, edx;
};

inline CpuidResult Cpuid(uint32_t leaf, uint32_t subleaf = 0) {
  CpuidResult r;
  asm volatile("cpuid"
               : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx)
               : "a"(leaf), "c"(subleaf));
  return r;
}

inline uint64_t ReadXcr0() {
  uint32_t low, high;
  asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return uint64_t{high} << 32 | low;
}
inline void WriteXcr0(uint64_t value) {
  asm volatile("xsetbv"
               :
               : "c"(0), "a"(static_cast<uint32_t>(value)),
                 "d"(static_cast<uint32_t>(value >> 32)));
}

inline void Out8(uint16_t port, uint8_t value) {
  asm volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}
inline uint8_t In8(uint16_t port) {
  uint8_t value;
  asm volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
  return value;
}

}  // namespace bulkhead::arch

#endif  // BULKHEAD_ARCH_X86_64_REGISTERS_H_
