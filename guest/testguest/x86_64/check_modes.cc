// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// From long mode down to real mode and back, with exits on every step (modes.S).

#include <cstdint>
#include <cstring>
#include <string_view>

#include "guest/testguest/tap.h"
#include "guest/testguest/x86_64/control_registers.h"
#include "guest/testguest/x86_64/descriptors.h"
#include "guest/testguest/x86_64/features.h"
#include "guest/testguest/x86_64/interrupts.h"
#include "guest/testguest/x86_64/modes.h"
#include "guest/testguest/x86_64/pages.h"
#include "guest/testguest/x86_64/processor_checks.h"

namespace bulkhead::testguest {
namespace {

struct ModeTrace {
  uint32_t cpuid, port, msr, device, cr0, cr4, efer, faults, interrupts;
};
static_assert(sizeof(ModeTrace) == MODES_TRACE_SIZE);
static_assert(offsetof(ModeTrace, device) == MODES_DEVICE);
static_assert(offsetof(ModeTrace, faults) == MODES_FAULTS);

struct RealModeTrace {
  uint32_t cpuid, cr0, software, interrupts, faults, undefined, stack_left, turns, count, index;
};
static_assert(offsetof(RealModeTrace, stack_left) == MODES_REAL_STACK_LEFT);
static_assert(offsetof(RealModeTrace, index) == MODES_REAL_INDEX);

enum Mode : uint32_t { kCompatibility, kFlat, kPae, kLegacy, kFlatAgain, kModes };

extern "C" {
void RunModes();
extern ModeTrace mode_traces[kModes];
extern uint64_t idt32[256];
extern uint32_t legacy_directory[1024];
extern uint64_t pae_pointers[4];
extern char page_directories[4][kSmallPage];  // start.S
extern char real_mode_start[], real_mode_end[];
void fault32();
void interrupt32();
}

constexpr uint32_t kBulkhead = 0x6b6c7542;  // "Bulk"

uint64_t Gate32(void (*handler)()) {
  const auto at = reinterpret_cast<uint64_t>(handler);
  return (at & 0xffff) | uint64_t{kCode32Selector} << 16 | uint64_t{0x8e} << 40 |
         (at >> 16 & 0xffff) << 48;
}

void PrepareTables() {
  idt32[kGeneralProtectionVector] = Gate32(fault32);
  idt32[MODES_VECTOR] = Gate32(interrupt32);
  // Nothing but "present" may be set in these (Intel SDM 3A, table 4-8).
  for (uint64_t i = 0; i < 4; ++i) {
    pae_pointers[i] = reinterpret_cast<uint64_t>(page_directories[i]) | kPagePresent;
  }
  for (uint32_t i = 0; i < 1024; ++i) {
    legacy_directory[i] = i << 22 | kPageLarge | kPageWritable | kPagePresent;
  }
  std::memcpy(reinterpret_cast<void*>(MODES_REAL_BASE), real_mode_start,
              static_cast<size_t>(real_mode_end - real_mode_start));
}

void CheckMode(Mode mode, std::string_view name, uint64_t paging, uint64_t efer) {
  const ModeTrace& trace = mode_traces[mode];
  const auto check = [name](bool ok, std::string_view what) {
    Line line;
    line << name << ": " << what;
    Check(ok, line.view());
  };
  check((trace.cr0 & (kCr0Pe | kCr0Pg)) == (kCr0Pe | paging) &&
            (trace.efer & (kEferLme | kEferLma)) == efer,
        "CR0 and EFER say so");
  check(trace.cpuid == kBulkhead, "CPUID");
  check(trace.port == ~0u, "port I/O");
  check((trace.msr & 0xff) >= 0x10, "an MSR of the x2APIC");
  check(trace.device == (MODES_MARK + mode) << 24, "a device's register");
  check(trace.faults == 1, "#GP for an MSR that does not exist");
  check(trace.interrupts == 1, "an interrupt");
}

void CheckRealMode(const RealModeTrace& trace) {
  CheckEqual(trace.cr0 & (kCr0Pe | kCr0Pg), 0, "real mode: CR0 says so");
  CheckEqual(trace.cpuid, kBulkhead, "real mode: CPUID");
  CheckEqual(trace.software, 1, "real mode: INT through the vector table");
  CheckEqual(trace.interrupts, 1, "real mode: an interrupt");
  CheckEqual(trace.undefined, 1, "real mode: #UD");
  CheckEqual(trace.faults, 1, "real mode: #GP for an MSR that does not exist");
  CheckEqual(trace.stack_left, MODES_REAL_STACK, "real mode: exceptions have no error code");
  CheckEqual(trace.turns, 1000, "real mode: a loop without exits");
  const auto* buffer = reinterpret_cast<const uint8_t*>(MODES_REAL_BASE + MODES_REAL_BUFFER);
  Check(trace.count == 0x11110000 && trace.index == 0x22220000 + MODES_REAL_BUFFER + 3 &&
            buffer[2] == 0xff && buffer[3] == 0,
        "real mode: rep ins");
}

}  // namespace

void CheckModes() {
  WriteMsr(0x80f, 0x1ff);  // x2APIC on
  PrepareTables();
  const uint64_t interrupts = InterruptCount(MODES_VECTOR);
  const uint64_t cr0 = ReadCr0(), cr4 = ReadCr4(), efer = ReadMsr(kMsrEfer).value;
  {
    const ScopedHandler fault(kGeneralProtectionVector, [](Frame& frame) {
      ++mode_traces[kCompatibility].faults;
      frame.rip += 2;
    });
    RunModes();
  }
  mode_traces[kCompatibility].interrupts =
      static_cast<uint32_t>(InterruptCount(MODES_VECTOR) - interrupts);
  CheckMode(kCompatibility, "compatibility mode", kCr0Pg, kEferLme | kEferLma);
  CheckMode(kFlat, "protected mode without paging", 0, 0);
  CheckMode(kPae, "protected mode with PAE paging", kCr0Pg, 0);
  CheckMode(kLegacy, "protected mode with 32-bit paging", kCr0Pg, 0);
  CheckRealMode(*reinterpret_cast<const RealModeTrace*>(MODES_REAL_BASE + MODES_REAL_TRACE));
  CheckMode(kFlatAgain, "protected mode after real mode", 0, 0);
  Check(ReadCr0() == cr0 && ReadCr4() == cr4 && ReadMsr(kMsrEfer).value == efer,
        "long mode again, as before");
}

}  // namespace bulkhead::testguest
