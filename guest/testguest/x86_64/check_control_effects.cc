// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// What bits of CR0, CR4 and EFER do, where a guest changes them without anybody's help.

#include <cstdint>

#include "guest/testguest/tap.h"
#include "guest/testguest/x86_64/control_registers.h"
#include "guest/testguest/x86_64/features.h"
#include "guest/testguest/x86_64/interrupts.h"
#include "guest/testguest/x86_64/pages.h"
#include "guest/testguest/x86_64/processor_checks.h"
#include "guest/testguest/x86_64/user_mode.h"

namespace bulkhead::testguest {
namespace {

alignas(kSmallPage) uint8_t page[kSmallPage];

void X87() { asm volatile("fnop"); }
void Sse() { asm volatile("movd %%eax, %%xmm0" : : : "memory"); }
void Wait() { asm volatile("fwait"); }
void XgetBv() { asm volatile("xgetbv" : : "c"(0) : "eax", "edx"); }
void ReadFsBase() { asm volatile("rdfsbase %%rax" : : : "rax"); }

void CheckCoprocessor() {
  const ScopedControl control;
  const uint64_t cr0 = control.cr0() & ~(kCr0Em | kCr0Ts | kCr0Mp);
  WriteCr0(cr0 | kCr0Em);
  CheckRaises(Try(X87), kNoCoprocessorVector, 0, "CR0.EM: x87 raises #NM");
  CheckRaises(Try(Sse), kUndefinedVector, 0, "CR0.EM: SSE raises #UD");
  WriteCr0(cr0 | kCr0Ts);
  CheckRaises(Try(X87), kNoCoprocessorVector, 0, "CR0.TS: x87 raises #NM");
  CheckRaises(Try(Sse), kNoCoprocessorVector, 0, "CR0.TS: SSE raises #NM");
  CheckRaisesNothing(Try(Wait), "CR0.TS without MP: WAIT raises nothing");
  WriteCr0(cr0 | kCr0Ts | kCr0Mp);
  CheckRaises(Try(Wait), kNoCoprocessorVector, 0, "CR0.TS with MP: WAIT raises #NM");
  asm volatile("clts");
  CheckEqual(ReadCr0(), cr0 | kCr0Mp, "CLTS clears CR0.TS");
  CheckRaisesNothing(Try(X87), "and x87 works");
}

void CheckMachineStatusWord() {
  const ScopedControl control;
  const uint64_t cr0 = control.cr0() & ~(kCr0Em | kCr0Ts | kCr0Mp);
  WriteCr0(cr0);
  asm volatile("lmsw %w0" : : "r"(uint32_t{kCr0Ts | kCr0Mp | kCr0Em}));
  CheckEqual(ReadCr0(), cr0 | kCr0Ts | kCr0Mp | kCr0Em, "LMSW sets MP, EM and TS, and leaves PE");
  uint64_t word = 0;
  asm volatile("smsw %0" : "=r"(word));
  CheckEqual(word & 0xffff, ReadCr0() & 0xffff, "SMSW shows CR0");
  asm volatile("lmsw %w0" : : "r"(uint32_t{kCr0Pe | kCr0Ne}));
  CheckEqual(ReadCr0(), cr0, "LMSW clears them, and changes nothing else");
}

void CheckStateEnables() {
  const ScopedControl control;
  WriteCr4(control.cr4() & ~kCr4Osfxsr);
  CheckRaises(Try(Sse), kUndefinedVector, 0, "no CR4.OSFXSR: SSE raises #UD");
  WriteCr4(control.cr4() & ~kCr4Osxsave);
  Check(!Has(kOsxsave), "no CR4.OSXSAVE: CPUID says so");
  CheckRaises(Try(XgetBv), kUndefinedVector, 0, "no CR4.OSXSAVE: XGETBV raises #UD");
  WriteCr4(control.cr4() | kCr4Osxsave);
  Check(Has(kOsxsave), "CR4.OSXSAVE: CPUID says so");
  CheckRaisesNothing(Try(XgetBv), "CR4.OSXSAVE: XGETBV works");
  WriteCr4(control.cr4() & ~kCr4FsGsBase);
  CheckRaises(Try(ReadFsBase), kUndefinedVector, 0, "no CR4.FSGSBASE: RDFSBASE raises #UD");
  if (!Has(kFsGsBase)) return Skip("CR4.FSGSBASE: RDFSBASE works", "no FSGSBASE");
  WriteCr4(control.cr4() | kCr4FsGsBase);
  CheckRaisesNothing(Try(ReadFsBase), "CR4.FSGSBASE: RDFSBASE works");
}

USER_CODE(UserReadTsc, "rdtsc")
USER_CODE(UserStoreTable, "sgdt -16(%rsp)")

void CheckUserLimits() {
  const ScopedControl control;
  WriteCr4(control.cr4() | kCr4Tsd);
  CheckRaises(RunInUserMode(UserReadTsc), kGeneralProtectionVector, 0,
              "CR4.TSD: RDTSC in user mode raises #GP");
  WriteCr4(control.cr4() & ~kCr4Tsd);
  CheckRaises(RunInUserMode(UserReadTsc), kUndefinedVector, 0,
              "no CR4.TSD: RDTSC works in user mode");
  CheckRaises(RunInUserMode(UserStoreTable), kUndefinedVector, 0,
              "no CR4.UMIP: SGDT works in user mode");
  if (!Has(kUmip)) return Skip("CR4.UMIP: SGDT in user mode raises #GP", "no UMIP");
  WriteCr4(control.cr4() | kCr4Umip);
  CheckRaises(RunInUserMode(UserStoreTable), kGeneralProtectionVector, 0,
              "CR4.UMIP: SGDT in user mode raises #GP");
}

uint64_t ReadAt(uint64_t address) { return *reinterpret_cast<volatile uint64_t*>(address); }
void WriteAt(uint64_t address) { *reinterpret_cast<volatile uint64_t*>(address) = 0; }
void CallAt(uint64_t address) { reinterpret_cast<void (*)()>(address)(); }

void CheckSupervisorLimits() {
  const ScopedControl control;
  const uint64_t user_page = UserAddress(page);
  if (Has(kSmap)) {
    WriteCr4(control.cr4() | kCr4Smap);
    CheckRaises(Try([&] { ReadAt(user_page); }), kPageFaultVector, kErrorPresent,
                "CR4.SMAP: what is user mode's raises #PF");
    CheckRaisesNothing(Try([&] {
                         asm volatile("stac");
                         ReadAt(user_page);
                         asm volatile("clac");
                       }),
                       "CR4.SMAP: but not with RFLAGS.AC");
    WriteCr4(control.cr4());
  } else {
    Skip("CR4.SMAP: what is user mode's raises #PF", "no SMAP");
    Skip("CR4.SMAP: but not with RFLAGS.AC", "no SMAP");
  }
  page[0] = 0xc3;  // RET
  CheckRaisesNothing(Try([&] { CallAt(user_page); }), "user mode's code may be run");
  if (!Has(kSmep)) return Skip("CR4.SMEP: running user mode's code raises #PF", "no SMEP");
  WriteCr4(control.cr4() | kCr4Smep);
  CheckRaises(Try([&] { CallAt(user_page); }), kPageFaultVector, kErrorPresent | kErrorFetch,
              "CR4.SMEP: running user mode's code raises #PF");
}

void CheckPageRights() {
  const ScopedControl control;
  const uint64_t at = WindowAddress(0);
  const uint64_t frame = reinterpret_cast<uint64_t>(page);
  SetWindow(0, frame | kPagePresent);
  InvalidatePage(at);
  WriteCr0(control.cr0() & ~kCr0Wp);
  CheckRaisesNothing(Try([&] { WriteAt(at); }), "no CR0.WP: read-only pages can be written");
  WriteCr0(control.cr0() | kCr0Wp);
  CheckRaises(Try([&] { WriteAt(at); }), kPageFaultVector, kErrorPresent | kErrorWrite,
              "CR0.WP: writing to a read-only page raises #PF");

  page[0] = 0xc3;  // RET
  SetWindow(0, frame | kPagePresent | kPageNoExecute);
  InvalidatePage(at);
  const uint64_t efer = ReadMsr(kMsrEfer).value;
  WriteMsr(kMsrEfer, efer | kEferNxe);
  CheckRaises(Try([&] { CallAt(at); }), kPageFaultVector, kErrorPresent | kErrorFetch,
              "EFER.NXE: running what must not be raises #PF");
  WriteMsr(kMsrEfer, efer & ~kEferNxe);
  InvalidatePage(at);
  // Not the whole error code: QEMU's emulator leaves out that the page is present.
  const Exception got = Try([&] { ReadAt(at); });
  Check(got.vector == kPageFaultVector && (got.error & kErrorReserved) != 0,
        "no EFER.NXE: the page table's bit is a reserved one");
  WriteMsr(kMsrEfer, efer);
  SetWindow(0, 0);
  InvalidatePage(at);
}

void CheckSystemCallEnable() {
  const uint64_t efer = ReadMsr(kMsrEfer).value;
  WriteMsr(kMsrEfer, efer & ~kEferSce);
  CheckRaises(Try([] {
                asm volatile("syscall" : : : "rcx", "r11");
              }),
              kUndefinedVector, 0, "no EFER.SCE: SYSCALL raises #UD");
  WriteMsr(kMsrEfer, efer);
}

}  // namespace

void CheckControlEffects() {
  CheckCoprocessor();
  CheckMachineStatusWord();
  CheckStateEnables();
  CheckUserLimits();
  CheckSupervisorLimits();
  CheckPageRights();
  CheckSystemCallEnable();
}

}  // namespace bulkhead::testguest
