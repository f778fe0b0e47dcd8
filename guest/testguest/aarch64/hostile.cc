// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// What a guest may do with an aarch64 processor.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "guest/testguest/aarch64/cpu.h"
#include "guest/testguest/aarch64/registers.h"
#include "guest/testguest/checks.h"
#include "guest/testguest/tap.h"
#include "vmm/aarch64/layout.h"
#include "vmm/aarch64/smccc.h"

extern "C" uint64_t page_table[];

namespace bulkhead::testguest {
namespace {

constexpr uint64_t kNowhere = 0xe0000000;

// Exceptions go where there is nothing.
void LoseVectors() { asm volatile("msr vbar_el1, %0; isb; brk #0" : : "r"(kNowhere) : "memory"); }

// The walk of a table that is not in memory.
void LosePageTable() {
  page_table[4] = kNowhere | 3;
  MemoryBarrier();
  asm volatile("tlbi vmalle1; dsb sy; isb; ldr xzr, [%0]" : : "r"(uint64_t{4} << 30) : "memory");
}

// Two registers at once: there is no syndrome for that.
void LoadPair() {
  asm volatile("ldp x1, x2, [%0]" : : "r"(layout::VirtioMmioAddress(0)) : "x1", "x2", "memory");
}

[[noreturn]] void MarkRegisters() {
  Print("# marked\n");
#define LOAD(n) \
  asm volatile(".arch_extension simd; dup v" #n ".2d, %0" : : "r"(uint64_t{0x5a5a'5a5a'5a5a'5a5a}));
  EACH_VECTOR(LOAD)
#undef LOAD
  for (;;) {
#define WRITE(name, mark) asm volatile("msr " name ", %0" : : "r"(uint64_t{mark}));
    EACH_MARKED_REGISTER(WRITE)
#undef WRITE
  }
}

struct Finder {
  bool vectors = false;
  const char* last = nullptr;
  uint32_t found = 0;

  void Look(const char* name, uint64_t value, uint64_t mark) {
    if (value != mark) return;
    last = name;
    ++found;
  }
};

// For a good number of time slices: what others leave behind shows. Nothing here writes what it
// looks for, and no exception is taken.
void FindMarks() {
  Finder finder;
  uint32_t rounds = 0;
  for (const uint64_t start = ReadCounter(); ReadCounter() - start < CounterHz(); ++rounds) {
#define READ(name, mark)                         \
  {                                              \
    uint64_t value;                              \
    asm volatile("mrs %0, " name : "=r"(value)); \
    finder.Look(name, value, mark);              \
  }
    EACH_MARKED_REGISTER(READ)
#undef READ
#define LOOK(n)                                                                \
  {                                                                            \
    uint64_t value;                                                            \
    asm volatile(".arch_extension simd; umov %0, v" #n ".d[1]" : "=r"(value)); \
    finder.Look("v" #n, value, 0x5a5a'5a5a'5a5a'5a5a);                         \
  }
    EACH_VECTOR(LOOK)
#undef LOOK
  }
  Line line;
  line << "# after " << rounds << " rounds found " << Hex{finder.found};
  if (finder.last != nullptr) line << ", last in " << finder.last;
  line << "\n";
  Print(line.view());
  if (finder.found == 0) PowerOff();
}

// A timer that has always fired already, and that interrupts nobody.
[[noreturn]] void StormTimer() {
  EnableInterruptController();
  Print("# storm\n");
  for (;;) {
    asm volatile("msr cntv_cval_el0, xzr; msr cntv_ctl_el0, %0; isb; wfi" : : "r"(uint64_t{1}));
  }
}

// The same, taken and ended again and again; and as many as it can of those it makes itself.
[[noreturn]] void StormInterrupts() {
  EnableInterruptController();
  Print("# storm\n");
  asm volatile("msr cntv_cval_el0, xzr; msr cntv_ctl_el0, %0; isb" : : "r"(uint64_t{1}));
  for (uint64_t intid = 0;; intid = (intid + 1) % 16) {
    uint64_t taken;
    asm volatile("msr icc_sgi1r_el1, %0; isb" : : "r"(intid << 24 | 1));
    asm volatile("mrs %0, icc_iar1_el1; dsb sy; msr icc_eoir1_el1, %0; isb" : "=&r"(taken));
  }
}

}  // namespace

void BeHostileToMachine(std::string_view mode) {
  if (mode == "lose-vectors") {
    LoseVectors();
  } else if (mode == "lose-page-table") {
    LosePageTable();
  } else if (mode == "load-pair") {
    LoadPair();
  } else if (mode == "spin-masked") {
    asm volatile("msr daifset, #0xf");
    for (;;) asm volatile("");
  } else if (mode == "cpu-off") {
    (void)CallFirmware(smccc::kPsciCpuOff);
  } else if (mode == "reset") {
    (void)CallFirmware(smccc::kPsciSystemReset);
  } else if (mode == "mark-registers") {
    MarkRegisters();
  } else if (mode == "find-marks") {
    FindMarks();
  } else if (mode == "timer-storm") {
    StormTimer();
  } else if (mode == "interrupt-storm") {
    StormInterrupts();
  }
}

}  // namespace bulkhead::testguest
