// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// The measurement of exits on a machine without a hypervisor: this program, entered at EL2, makes
// itself the guest of the shortest possible loop there. What it prints is the floor for every
// hypervisor. The code at EL2 runs without translation.

#include <cstddef>
#include <cstdint>

#include "guest/testguest/measure.h"
#include "guest/testguest/tap.h"
#include "vmm/aarch64/layout.h"

extern "C" [[noreturn]] void RunBare();

namespace bulkhead {
namespace {

constexpr uint64_t kStackBytes = 16384;
constexpr uint64_t kGigabyte = uint64_t{1} << 30;
constexpr uint64_t kTwoMegabytes = uint64_t{1} << 21;

alignas(16) std::byte guest_stack[kStackBytes];
// Stage 2, from level 1: 32 bits of address.
alignas(4096) uint64_t stage2_root[512];
alignas(4096) uint64_t stage2_devices[512];

#define WRITE_REGISTER(name, value) asm volatile("msr " name ", %0" : : "r"(uint64_t{value}))

[[noreturn]] void Guest() {
  testguest::MeasureExits();
  for (;;) asm volatile("wfi");
}

// One to one: RAM, and of the devices only the UART. The others exit (Arm ARM D8.3, D8.5.5).
void MakeStage2() {
  constexpr uint64_t kTable = 3;
  constexpr uint64_t kBlock = 1 | 3 << 6 | 1 << 10;  // read and write, accessed
  constexpr uint64_t kDevice = kBlock | 1 << 2;      // nGnRE
  constexpr uint64_t kMemory = kBlock | 15 << 2 | 3 << 8;
  stage2_devices[layout::kDebugUartBase / kTwoMegabytes] =
      layout::kDebugUartBase / kTwoMegabytes * kTwoMegabytes | kDevice;
  stage2_root[0] = reinterpret_cast<uint64_t>(stage2_devices) | kTable;
  stage2_root[layout::kRamStart / kGigabyte] = layout::kRamStart | kMemory;
  // 32 bits, level 1 first, walks past the caches: nothing here has been through them.
  WRITE_REGISTER("vtcr_el2", uint64_t{1} << 31 | 1 << 6 | 32);
  WRITE_REGISTER("vttbr_el2", reinterpret_cast<uint64_t>(stage2_root));
  asm volatile("dsb sy; tlbi alle1; dsb sy; isb" : : : "memory");
}

}  // namespace

// testguest's start.S has set EL1 up as it does for itself: the guest goes on from there.
extern "C" [[noreturn]] void TestGuestMain(uint64_t) {
  MakeStage2();
  constexpr uint64_t kVm = 1, kImo = 1 << 4, kTid3 = 1 << 18, kRw = uint64_t{1} << 31;
  WRITE_REGISTER("hcr_el2", kVm | kImo | kTid3 | kRw);
  WRITE_REGISTER("cptr_el2", 0x33ff);  // no traps (Arm ARM D17.2.31)
  WRITE_REGISTER("cnthctl_el2", 3);    // nor of the counters
  WRITE_REGISTER("cntvoff_el2", 0);
  WRITE_REGISTER("icc_sre_el2", 0xf);  // system registers (Arm IHI 0069, 12.2.24)
  WRITE_REGISTER("sp_el1", reinterpret_cast<uint64_t>(guest_stack) + kStackBytes);
  WRITE_REGISTER("elr_el2", reinterpret_cast<uint64_t>(&Guest));
  WRITE_REGISTER("spsr_el2", 0x3c5);  // EL1, its own stack, everything masked
  RunBare();
}

}  // namespace bulkhead
