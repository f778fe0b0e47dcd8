// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "boot/pvh/start_info.h"
#include "guest/testguest/checks.h"
#include "guest/testguest/tap.h"
#include "guest/testguest/x86_64/cpu.h"

namespace bulkhead::testguest {
namespace {

// Port I/O to and from memory, which the VMM finds through this guest's page tables.
void CheckStringIo() {
  constexpr uint16_t kPort = 0x1234;  // nothing there
  constexpr uint64_t kUnmapped = uint64_t{4} << 30;
  constexpr uint64_t kNonCanonical = uint64_t{1} << 47;
  constexpr uint64_t kGeneralProtection = 13, kPageFault = 14;
  constexpr uint64_t kWrite = 1 << 1;  // error code: a store, to what is not present

  uint8_t byte = 0x42;
  CheckEqual(StringOut8(kPort, reinterpret_cast<uint64_t>(&byte)).vector, 0, "outs");
  CheckEqual(StringIn8(kPort, reinterpret_cast<uint64_t>(&byte)).vector, 0, "ins");
  CheckEqual(byte, 0xff, "ins writes memory");
  uint16_t words[4] = {};
  uint64_t to = reinterpret_cast<uint64_t>(words), count = 3;
  asm volatile("rep insw" : "+D"(to), "+c"(count) : "d"(kPort) : "memory");
  Check(count == 0 && to == reinterpret_cast<uint64_t>(words + 3) && words[0] == 0xffff &&
            words[2] == 0xffff && words[3] == 0,
        "rep ins");

  const Exception out = StringOut8(kPort, kUnmapped);
  Check(out.vector == kPageFault && out.error == 0, "outs from unmapped memory: #PF");
  CheckEqual(out.address, kUnmapped, "outs from unmapped memory: CR2");
  const Exception in = StringIn8(kPort, kUnmapped + 5);
  Check(in.vector == kPageFault && in.error == kWrite, "ins to unmapped memory: #PF");
  CheckEqual(in.address, kUnmapped + 5, "ins to unmapped memory: CR2");
  CheckEqual(StringOut8(kPort, kNonCanonical).vector, kGeneralProtection,
             "outs from a non-canonical address: #GP");
  CheckEqual(StringIn8(kPort, kNonCanonical).vector, kGeneralProtection,
             "ins to a non-canonical address: #GP");
}

}  // namespace

void CheckEntry(uint64_t boot) {
  const auto* info = reinterpret_cast<const PvhStartInfo*>(boot);
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
  CheckStringIo();

  int64_t result = 0x4242;
  asm volatile("vmmcall" : "+a"(result) : "b"(1), "c"(2), "d"(3), "S"(4) : "memory");
  CheckEqual(static_cast<uint64_t>(result), static_cast<uint64_t>(int64_t{-1000}),
             "unknown hypercall: -KVM_ENOSYS");
}

}  // namespace bulkhead::testguest
