// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "guest/testguest/aarch64/cpu.h"
#include "guest/testguest/checks.h"
#include "guest/testguest/tap.h"
#include "vmm/aarch64/layout.h"
#include "vmm/aarch64/smccc.h"

namespace bulkhead::testguest {
namespace {

constexpr uint64_t kGicd = layout::kGicdBase;
constexpr uint64_t kSgiBase = layout::kGicrBase + 0x1'0000;
constexpr uint32_t kTimer = layout::kVirtualTimerPpi;
constexpr uint32_t kSgi = 5;
constexpr uint32_t kSpi = 50;  // no device's
constexpr uint64_t kSpiBit = 1u << (kSpi - 32);

// ICC_SGI1R_EL1: INTID `intid` to affinity 0.0.0.0 (IHI 0069, 12.2.6).
void SendToSelf(uint32_t intid) {
  asm volatile("msr icc_sgi1r_el1, %0; isb" : : "r"(uint64_t{intid} << 24 | 1));
}

void CheckSoftwareGenerated() {
  SendToSelf(kSgi);
  CheckEqual(InterruptCount(kSgi), 0, "no interrupt while they are masked");
  OpenInterrupts();
  CheckEqual(InterruptCount(kSgi), 1, "SGI to itself");
  WriteMmio<uint32_t>(kSgiBase + 0x180, 1u << kSgi);
  SendToSelf(kSgi);
  OpenInterrupts();
  CheckEqual(InterruptCount(kSgi), 1, "disabled SGI does not come");
  WriteMmio<uint32_t>(kSgiBase + 0x100, 1u << kSgi);
  OpenInterrupts();
  CheckEqual(InterruptCount(kSgi), 2, "it comes when it is enabled");
  // The other one is more urgent: it comes though the priority mask holds back the first.
  asm volatile("msr icc_pmr_el1, %0; isb" : : "r"(uint64_t{0x80}));
  SendToSelf(kSgi);
  OpenInterrupts();
  CheckEqual(InterruptCount(kSgi), 2, "the priority mask holds it back");
  asm volatile("msr icc_pmr_el1, %0; isb" : : "r"(uint64_t{0xff}));
  OpenInterrupts();
  CheckEqual(InterruptCount(kSgi), 3, "and lets it through");
  WriteMmio<uint32_t>(kSgiBase + 0x200, 1u << kSgi);  // GICR_ISPENDR0
  OpenInterrupts();
  CheckEqual(InterruptCount(kSgi), 4, "one that is made pending in the redistributor comes, too");
}

// More at once than the processor has list registers: the hypervisor has to put in the rest as they
// become free.
void CheckMany() {
  constexpr uint32_t kSgis = 16;
  uint64_t before[kSgis];
  for (uint32_t intid = 0; intid < kSgis; ++intid) {
    before[intid] = InterruptCount(intid);
    SendToSelf(intid);
  }
  uint64_t came = 0;
  for (const uint64_t start = ReadCounter(); came != kSgis && ReadCounter() - start < Patience();) {
    OpenInterrupts();
    came = 0;
    for (uint32_t intid = 0; intid < kSgis; ++intid) came += InterruptCount(intid) - before[intid];
  }
  CheckEqual(came, kSgis, "all SGIs at once come, each once");
}

void CheckShared() {
  WriteMmio<uint32_t>(kGicd + 0x84, ~0u);  // group 1
  WriteMmio<uint8_t>(kGicd + 0x400 + kSpi, 0xa0);
  WriteMmio<uint64_t>(kGicd + 0x6000 + uint64_t{8} * kSpi, 0);
  WriteMmio<uint32_t>(kGicd + 0x204, kSpiBit);  // pending
  CheckEqual(ReadMmio<uint32_t>(kGicd + 0x204), kSpiBit, "disabled SPI stays pending");
  OpenInterrupts();
  CheckEqual(InterruptCount(kSpi), 0, "disabled SPI does not come");
  WriteMmio<uint32_t>(kGicd + 0x104, kSpiBit);  // enabled
  OpenInterrupts();
  CheckEqual(InterruptCount(kSpi), 1, "it comes when it is enabled");
  WriteMmio<uint32_t>(kGicd + 0x204, kSpiBit);
  Check(WaitUntil(kSpi, 1), "SPI ends WFI");
  WriteMmio<uint32_t>(kGicd + 0x184, kSpiBit);
}

// The interrupt that would be taken next; 1023: none.
uint64_t NextInterrupt() {
  uint64_t intid;
  asm volatile("isb; mrs %0, icc_hppir1_el1" : "=r"(intid) : : "memory");
  return intid;
}

// The timer's interrupt is a level: it is pending only as long as the timer asks.
void CheckTimerThatChangesItsMind() {
  const uint64_t before = InterruptCount(kTimer);
  for (const bool move : {false, true}) {
    ArmTimer(0);
    const uint64_t start = ReadCounter();
    while (NextInterrupt() != kTimer && ReadCounter() - start < Patience()) {
    }
    CheckEqual(NextInterrupt(), kTimer, "the timer's interrupt is pending while it is masked");
    if (move) {
      ArmTimer(Patience() * 60);
    } else {
      asm volatile("msr cntv_ctl_el0, xzr; isb");
    }
    (void)CallFirmware(smccc::kPsciVersion);  // an exit
    Check(NextInterrupt() != kTimer,
          move ? "but not when it was moved" : "but not when it was disabled");
    OpenInterrupts();
  }
  CheckEqual(InterruptCount(kTimer), before, "an interrupt that was taken back does not come");
  ArmTimer(0);
  Check(WaitUntil(kTimer, before), "it comes when the timer asks again");
}

void CheckTimer() {
  const uint64_t deadline = ReadCounter() + 100'000;
  ArmTimer(100'000);
  Check(WaitUntil(kTimer, 0), "virtual timer wakes WFI");
  Check(ReadCounter() >= deadline, "virtual timer is not early");
  CheckEqual(InterruptCount(kTimer), 1, "virtual timer fires once");

  // In the past already.
  asm volatile("msr cntv_cval_el0, xzr; msr cntv_ctl_el0, %0; isb" : : "r"(uint64_t{1}));
  Check(WaitUntil(kTimer, 1), "virtual timer in the past");

  asm volatile("msr cntv_cval_el0, xzr; msr cntv_ctl_el0, %0; isb" : : "r"(uint64_t{3}));
  OpenInterrupts();
  CheckEqual(InterruptCount(kTimer), 2, "a masked timer does not interrupt");
  uint64_t control = 0;
  asm volatile("mrs %0, cntv_ctl_el0; msr cntv_ctl_el0, xzr; isb" : "=r"(control));
  CheckEqual(control, 7, "but says that it has fired");

  CheckTimerThatChangesItsMind();

  const uint64_t slept = InterruptCount(kTimer);
  ArmTimer(100'000);
  CheckEqual(CallFirmware(smccc::kPsciCpuSuspend).x0, 0, "standby comes back");
  Check(WaitUntil(kTimer, slept), "and the timer comes");

  // A pending interrupt stops a loop that never exits by itself.
  const uint64_t before = InterruptCount(kTimer);
  ArmTimer(100'000);
  const uint64_t start = ReadCounter();
  asm volatile("msr daifclr, #2" : : : "memory");
  while (InterruptCount(kTimer) == before && ReadCounter() - start < Patience()) {
  }
  asm volatile("msr daifset, #2" : : : "memory");
  Check(InterruptCount(kTimer) > before, "the timer interrupts a busy loop");
}

}  // namespace

void CheckInterrupts() {
  EnableInterruptController();
  CheckSoftwareGenerated();
  CheckMany();
  CheckShared();
  CheckTimer();
}

}  // namespace bulkhead::testguest
