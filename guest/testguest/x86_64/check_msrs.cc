// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// Model-specific registers that the guest reaches without an exit, or as if it did.

#include <cstdint>
#include <iterator>
#include <string_view>

#include "guest/testguest/tap.h"
#include "guest/testguest/x86_64/control_registers.h"
#include "guest/testguest/x86_64/descriptors.h"
#include "guest/testguest/x86_64/features.h"
#include "guest/testguest/x86_64/interrupts.h"
#include "guest/testguest/x86_64/processor_checks.h"
#include "guest/testguest/x86_64/user_mode.h"
#include "vmm/x86_64/layout.h"

namespace bulkhead::testguest {
namespace {

constexpr uint32_t kMsrSysenterCs = 0x174;
constexpr uint32_t kMsrSysenterEsp = 0x175;
constexpr uint32_t kMsrSysenterEip = 0x176;
constexpr uint32_t kMsrPat = 0x277;
constexpr uint64_t kNonCanonical = uint64_t{1} << 47;
constexpr uint64_t kHigh = 0xffff800000000000;

void Exit() {
  (void)GetCpuid(0);
  (void)ReadMmio<uint32_t>(layout::kIoApicBase);
  (void)ReadMsr(0x802);
}

// Values that are unlike each other, all at once, over exits.
void CheckKept() {
  struct {
    uint32_t index;
    uint64_t value;
    std::string_view what;
  } static constexpr kMsrs[] = {
      {kMsrSysenterCs, 0x1234, "SYSENTER_CS survives exits"},
      {kMsrSysenterEsp, 0x12345670, "SYSENTER_ESP survives exits"},
      {kMsrSysenterEip, 0x23456780, "SYSENTER_EIP survives exits"},
      {kMsrPat, 0x0001040506070600, "PAT survives exits"},
      {kMsrStar, 0x0033002300000000, "STAR survives exits"},
      {kMsrLstar, kHigh | 0x1111000, "LSTAR survives exits"},
      {kMsrCstar, kHigh | 0x2222000, "CSTAR survives exits"},
      {kMsrSfmask, 0x47700, "SFMASK survives exits"},
      {kMsrFsBase, kHigh | 0x3333000, "FS base survives exits"},
      {kMsrGsBase, kHigh | 0x4444000, "GS base survives exits"},
      {kMsrKernelGsBase, kHigh | 0x5555000, "kernel GS base survives exits"},
      {kMsrTscAux, 0x6666, "TSC_AUX survives exits"},
  };
  uint64_t before[std::size(kMsrs)];
  for (size_t i = 0; i < std::size(kMsrs); ++i) {
    before[i] = ReadMsr(kMsrs[i].index).value;
    WriteMsr(kMsrs[i].index, kMsrs[i].value);
  }
  Exit();
  uint64_t after[std::size(kMsrs)];
  for (size_t i = 0; i < std::size(kMsrs); ++i) {
    after[i] = ReadMsr(kMsrs[i].index).value;
    WriteMsr(kMsrs[i].index, before[i]);
  }
  for (size_t i = 0; i < std::size(kMsrs); ++i) {
    CheckEqual(after[i], kMsrs[i].value, kMsrs[i].what);
  }
}

void CheckRefusedValues() {
  struct {
    uint32_t index;
    uint64_t value;
    std::string_view what;
  } static constexpr kWrites[] = {
      {kMsrLstar, kNonCanonical, "LSTAR: a non-canonical address raises #GP"},
      {kMsrFsBase, kNonCanonical, "FS base: a non-canonical address raises #GP"},
      {kMsrGsBase, kNonCanonical, "GS base: a non-canonical address raises #GP"},
      {kMsrKernelGsBase, kNonCanonical, "kernel GS base: a non-canonical address raises #GP"},
      {kMsrPat, 0x0007040600070402, "PAT: a reserved type raises #GP"},
  };
  // One that ignores what a value must be ignores it everywhere.
  const uint64_t lstar = ReadMsr(kMsrLstar).value;
  const bool refuses = !WriteMsr(kMsrLstar, kNonCanonical);
  WriteMsr(kMsrLstar, lstar);
  for (const auto& [index, value, what] : kWrites) {
    if (!refuses) {
      Skip(what, "this processor takes any value for LSTAR");
      continue;
    }
    const uint64_t before = ReadMsr(index).value;
    const bool taken = WriteMsr(index, value);
    WriteMsr(index, before);
    Check(!taken, what);
  }
}

void CheckSegmentBases() {
  static uint64_t one = 0x1111, two = 0x2222;
  WriteMsr(kMsrGsBase, reinterpret_cast<uint64_t>(&one));
  WriteMsr(kMsrKernelGsBase, reinterpret_cast<uint64_t>(&two));
  uint64_t first = 0, second = 0;
  asm volatile(
      "movq %%gs:0, %0\n"
      "swapgs\n"
      "movq %%gs:0, %1\n"
      : "=&r"(first), "=&r"(second));
  Check(first == one && second == two, "SWAPGS swaps what GS reaches");
  CheckEqual(ReadMsr(kMsrKernelGsBase).value, reinterpret_cast<uint64_t>(&one),
             "SWAPGS swaps the MSRs");
  WriteMsr(kMsrGsBase, 0);
  WriteMsr(kMsrKernelGsBase, 0);
  if (!Has(kFsGsBase)) return Skip("WRFSBASE writes the MSR", "no FSGSBASE");
  const ScopedControl control;
  WriteCr4(control.cr4() | kCr4FsGsBase);
  asm volatile("wrfsbase %0" : : "r"(kHigh | 0x777000));
  CheckEqual(ReadMsr(kMsrFsBase).value, kHigh | 0x777000, "WRFSBASE writes the MSR");
  WriteMsr(kMsrFsBase, 0);
}

void CheckProcessorNumber() {
  if (!Has(kRdtscp)) {
    Skip("RDTSCP gives TSC_AUX", "no RDTSCP");
    Skip("RDTSCP gives the time-stamp counter", "no RDTSCP");
  } else {
    WriteMsr(kMsrTscAux, 0x98765);
    uint32_t low, high, aux;
    const uint64_t before = ReadTsc();
    asm volatile("rdtscp" : "=a"(low), "=d"(high), "=c"(aux));
    const uint64_t now = uint64_t{high} << 32 | low;
    CheckEqual(aux, 0x98765, "RDTSCP gives TSC_AUX");
    Check(now >= before && now <= ReadTsc(), "RDTSCP gives the time-stamp counter");
  }
  if (!Has(kRdpid)) return Skip("RDPID gives TSC_AUX", "no RDPID");
  WriteMsr(kMsrTscAux, 0x56789);
  uint64_t aux = 0;
  asm volatile("rdpid %0" : "=r"(aux));
  CheckEqual(aux, 0x56789, "RDPID gives TSC_AUX");
  WriteMsr(kMsrTscAux, 0);
}

USER_CODE(UserSystemCall, "movl $0x4711, %eax; syscall")
[[gnu::naked]] void SystemCallEntry() {
  // Still at CPL 0 and on the user's stack.
  asm("addl $1, %eax\n"
      "sysretq");
}

void CheckSystemCall() {
  const uint64_t efer = ReadMsr(kMsrEfer).value;
  WriteMsr(kMsrEfer, efer | kEferSce);
  WriteMsr(kMsrStar, uint64_t{kUserCode32Selector} << 48 | uint64_t{kCodeSelector} << 32);
  WriteMsr(kMsrLstar, reinterpret_cast<uint64_t>(SystemCallEntry));
  WriteMsr(kMsrSfmask, kFlagInterrupt | kFlagTrap);
  const Exception got = RunInUserMode(UserSystemCall);
  CheckRaises(got, kUndefinedVector, 0, "SYSCALL and SYSRET");
  CheckEqual(got.rax, 0x4712, "SYSCALL goes where LSTAR says");
  WriteMsr(kMsrEfer, efer);
}

// What CPUID says to user mode is the same.
USER_CODE(UserCpuid, "movl $0x40000000, %eax; cpuid; movl %ebx, %eax")

}  // namespace

void CheckMsrs() {
  CheckKept();
  CheckRefusedValues();
  CheckSegmentBases();
  CheckProcessorNumber();
  CheckSystemCall();
  CheckEqual(RunInUserMode(UserCpuid).rax, 0x6b6c7542, "CPUID in user mode");
}

}  // namespace bulkhead::testguest
