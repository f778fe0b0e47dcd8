// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "boot/pvh/start_info.h"
#include "guest/testguest/checks.h"
#include "guest/testguest/machine.h"
#include "guest/testguest/tap.h"
#include "guest/testguest/x86_64/debug_events.h"
#include "guest/testguest/x86_64/interrupts.h"
#include "guest/testguest/x86_64/pages.h"
#include "guest/testguest/x86_64/processor_checks.h"

namespace bulkhead::testguest {
namespace {

// Intel's and AMD's processors have different instructions for it, and refuse each other's.
int64_t Vmmcall(uint64_t number) {
  int64_t result = static_cast<int64_t>(number);
  asm volatile("vmmcall" : "+a"(result) : "b"(1), "c"(2), "d"(3), "S"(4) : "memory");
  return result;
}
int64_t Vmcall(uint64_t number) {
  int64_t result = static_cast<int64_t>(number);
  asm volatile("vmcall" : "+a"(result) : "b"(1), "c"(2), "d"(3), "S"(4) : "memory");
  return result;
}

void CheckHypercall() {
  const bool amd = IsAmd();
  CheckEqual(static_cast<uint64_t>(amd ? Vmmcall(0x4242) : Vmcall(0x4242)),
             static_cast<uint64_t>(int64_t{-1000}), "unknown hypercall: -KVM_ENOSYS");
  CheckRaises(Try([&] { amd ? Vmcall(0x4242) : Vmmcall(0x4242); }), kUndefinedVector, 0,
              "the other vendor's hypercall instruction: #UD");
}

}  // namespace

void CheckEntry(uint64_t boot) {
  const auto* info = reinterpret_cast<const PvhStartInfo*>(boot);
  InstallPages();
  ReadBreakpointOption(CommandLine(boot));
  Check(info->magic == kPvhMagic && info->version == kPvhVersion, "start info");
}

void CheckIdentity() {
  const Cpuid own = GetCpuid(0x40000000);
  Check(own.ebx == 0x6b6c7542 && own.ecx == 0x64616568 && own.edx == 0x6b6c7542,
        "CPUID 0x40000000 says BulkheadBulk");
  const Cpuid kvm = GetCpuid(0x40000100);
  Check(kvm.ebx == 0x4b4d564b && kvm.ecx == 0x564b4d56 && kvm.edx == 0x4d,
        "CPUID 0x40000100 says KVMKVMKVM");
  CheckEqual(GetCpuid(0x40000101).eax, 1u << 24 | 1 << 3 | 1 << 1, "KVM features");
  const Cpuid features = GetCpuid(1);
  Check((features.ecx >> 31 & 1) == 1, "hypervisor bit");
  Check((features.ecx >> 21 & 1) == 1, "x2APIC bit");
  Check((features.ecx >> 24 & 1) == 1, "TSC deadline bit");
  Check((features.ecx >> 3 & 1) == 0, "no MONITOR");
  Check((GetCpuid(0x80000001).ecx >> 2 & 1) == 0, "no SVM");
  CheckEqual(GetCpuid(0xb).edx, 0, "x2APIC id in CPUID 0xb");

  Check(ReadMsr(0xdeadbeef).fault, "unknown MSR: reading raises #GP");
  Check(!WriteMsr(0xdeadbeef, 1), "unknown MSR: writing raises #GP");
  Check(ReadMsr(0x48).fault, "SPEC_CTRL does not exist");
  CheckEqual(ReadMsr(0x1b).value, 0xfee00d00, "APIC base");
  Check(WriteMsr(0x1b, 0xfee00d00), "APIC base may be written as it is");
  Check(!WriteMsr(0x1b, 0xfee00900), "there is no way to xAPIC mode");

  const uint64_t efer = ReadMsr(0xc0000080).value;
  CheckEqual(efer & 0x1500, 0x500, "EFER: long mode, and nothing of the host's SVM");
  Check(!WriteMsr(0xc0000080, efer & ~uint64_t{0x100}), "EFER.LME stays while paging is on");
  Check(!WriteMsr(0xc0000080, efer | 0x1000), "EFER.SVME does not exist");
  CheckEqual(ReadMsr(0xc0000080).value, efer, "EFER is as it was");

  CheckEqual(In8(0x1234), 0xff, "unknown port, 1 byte");
  CheckEqual(In16(0x1234), 0xffff, "unknown port, 2 bytes");
  CheckEqual(In32(0x1234), 0xffffffff, "unknown port, 4 bytes");
  Out8(0x1234, 1);
  Check(true, "unknown port: writes are ignored");

  CheckHypercall();
  CheckRefused();
  CheckStringIo();
}

}  // namespace bulkhead::testguest
