// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include <cstring>

#include "guest/testguest/checks.h"
#include "guest/testguest/tap.h"
#include "guest/testguest/x86_64/interrupts.h"
#include "guest/testguest/x86_64/processor_checks.h"
#include "vmm/x86_64/layout.h"

namespace bulkhead::testguest {
namespace {

// Exits to the VMM by port and by MMIO, and one that the hypervisor finishes (x2APIC id).
// R8 to R15, RBP, RSI, RDI: the others are operands. Kept in one array by index.
uint64_t before[11], after[11];

void CheckGeneral() {
  for (uint64_t i = 0; i < 11; ++i) before[i] = 0x0123456789abcdef * (i + 3);
  asm volatile(
      "pushq %%rbp\n"
      "movq 0(%[from]), %%r8\n"
      "movq 8(%[from]), %%r9\n"
      "movq 16(%[from]), %%r10\n"
      "movq 24(%[from]), %%r11\n"
      "movq 32(%[from]), %%r12\n"
      "movq 40(%[from]), %%r13\n"
      "movq 48(%[from]), %%r14\n"
      "movq 56(%[from]), %%r15\n"
      "movq 64(%[from]), %%rbp\n"
      "movq 80(%[from]), %%rdi\n"
      "movq 72(%[from]), %%rsi\n"
      "movl $0xfec00000, %%ebx\n"
      "outb %%al, $0x80\n"
      "movl $0, (%%rbx)\n"
      "movl $0x802, %%ecx\n"
      "rdmsr\n"
      "movq %%r8, after0(%%rip)\n"
      "movq %%r9, after0+8(%%rip)\n"
      "movq %%r10, after0+16(%%rip)\n"
      "movq %%r11, after0+24(%%rip)\n"
      "movq %%r12, after0+32(%%rip)\n"
      "movq %%r13, after0+40(%%rip)\n"
      "movq %%r14, after0+48(%%rip)\n"
      "movq %%r15, after0+56(%%rip)\n"
      "movq %%rbp, after0+64(%%rip)\n"
      "movq %%rsi, after0+72(%%rip)\n"
      "movq %%rdi, after0+80(%%rip)\n"
      "popq %%rbp\n"
      ".pushsection .bss\n"
      ".balign 8\n"
      "after0: .skip 88\n"
      ".popsection\n"
      "leaq after0(%%rip), %%rsi\n"
      "leaq %[to], %%rdi\n"
      "movl $11, %%ecx\n"
      "rep movsq\n"
      : [to] "=m"(after)
      : [from] "S"(before)
      : "rax", "rbx", "rcx", "rdx", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15",
        "memory", "cc");
  Check(std::memcmp(before, after, sizeof(before)) == 0, "general registers survive exits");
}

// 16 vector registers, as wide as the machine has them (32 bytes with AVX).
alignas(32) uint8_t vectors_before[16][32];
alignas(32) uint8_t vectors_after[16][32];

void FillVectors() {
  for (int i = 0; i < 16; ++i) {
    for (int k = 0; k < 32; ++k) vectors_before[i][k] = static_cast<uint8_t>(i * 32 + k + 7);
  }
}

#define EACH_VECTOR(X) \
  X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14) X(15)

void VectorExits() {
  uint32_t a = 0, b = 0, c = 0, d = 0;
  asm volatile("outb %%al, $0x80\ncpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d) : : "memory");
  WriteMmio<uint32_t>(layout::kIoApicBase, 0);
  (void)ReadMsr(0x802);
}

void CheckSse() {
  FillVectors();
#define LOAD(n) asm volatile("movdqa %0, %%xmm" #n : : "m"(vectors_before[n]));
  EACH_VECTOR(LOAD)
#undef LOAD
  VectorExits();
#define STORE(n) asm volatile("movdqa %%xmm" #n ", %0" : "=m"(vectors_after[n]));
  EACH_VECTOR(STORE)
#undef STORE
  bool same = true;
  for (int i = 0; i < 16; ++i) {
    same = same && std::memcmp(vectors_before[i], vectors_after[i], 16) == 0;
  }
  Check(same, "SSE registers survive exits");
}

void CheckAvx() {
  const uint32_t features = GetCpuid(1).ecx;
  if ((features & 1 << 26) == 0 || (features & 1 << 28) == 0) {
    Skip("AVX registers survive exits", "no AVX");
    return;
  }
  asm volatile(
      "movq %%cr4, %%rax\n"
      "orq $0x40000, %%rax\n"
      "movq %%rax, %%cr4\n"
      "xorl %%ecx, %%ecx\n"
      "xorl %%edx, %%edx\n"
      "movl $7, %%eax\n"
      "xsetbv" ::
          : "rax", "rcx", "rdx");
  Check((GetCpuid(1).ecx >> 27 & 1) == 1, "OSXSAVE follows CR4");
  CheckEqual(GetCpuid(0xd).ebx, 832, "CPUID 0xd follows XCR0");
  FillVectors();
#define LOAD(n) asm volatile("vmovdqa %0, %%ymm" #n : : "m"(vectors_before[n]));
  EACH_VECTOR(LOAD)
#undef LOAD
  VectorExits();
#define STORE(n) asm volatile("vmovdqa %%ymm" #n ", %0" : "=m"(vectors_after[n]));
  EACH_VECTOR(STORE)
#undef STORE
  Check(std::memcmp(vectors_before, vectors_after, sizeof(vectors_before)) == 0,
        "AVX registers survive exits");
  uint32_t low, high;
  asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  CheckEqual(low, 7, "XCR0 survives exits");
}

void CheckX87() {
  uint64_t one = 0, pi = 0;
  uint16_t control = 0x027f;
  asm volatile("fninit; fldcw %0; fld1; fldpi" : : "m"(control));
  VectorExits();
  uint16_t control_after = 0;
  asm volatile("fnstcw %0" : "=m"(control_after));
  asm volatile("fstpl %0; fstpl %1" : "=m"(pi), "=m"(one));
  Check(one == 0x3ff0000000000000 && pi == 0x400921fb54442d18 && control_after == control,
        "x87 registers survive exits");
}

void CheckDebug() {
  constexpr uint64_t kValues[] = {0x1111, 0x2222000, 0x33330000000, 0x444400000000};
  uint64_t got[4];
  asm volatile("movq %0, %%dr0" : : "r"(kValues[0]));
  asm volatile("movq %0, %%dr1" : : "r"(kValues[1]));
  asm volatile("movq %0, %%dr2" : : "r"(kValues[2]));
  asm volatile("movq %0, %%dr3" : : "r"(kValues[3]));
  VectorExits();
  asm volatile("movq %%dr0, %0" : "=r"(got[0]));
  asm volatile("movq %%dr1, %0" : "=r"(got[1]));
  asm volatile("movq %%dr2, %0" : "=r"(got[2]));
  asm volatile("movq %%dr3, %0" : "=r"(got[3]));
  Check(std::memcmp(kValues, got, sizeof(got)) == 0, "debug registers survive exits");
}

}  // namespace

void CheckRegisters() {
  CheckControlBits();
  CheckControlEffects();
  CheckModes();
  CheckTables();
  CheckMsrs();
  CheckFlags();
  CheckExtendedState();
  CheckTranslation();
  CheckGeneral();
  CheckSse();
  CheckAvx();
  CheckX87();
  CheckDebug();
  CheckDebugRegisters();
}

}  // namespace bulkhead::testguest
