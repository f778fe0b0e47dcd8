// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// The measurement of exits on a machine without a hypervisor: this program makes itself the guest
// of the shortest possible loop around VMRUN. What it prints is the floor for every hypervisor.

#include <cstring>

#include "arch/x86_64/registers.h"
#include "arch/x86_64/svm/vmcb.h"
#include "boot/pvh/start_info.h"
#include "guest/testguest/measure.h"
#include "guest/testguest/tap.h"

extern "C" {

alignas(4096) bulkhead::arch::svm::Vmcb svm_vmcb;
alignas(4096) bulkhead::arch::svm::Vmcb svm_host_vmcb;

[[noreturn]] void RunBare();

}  // extern "C"

namespace bulkhead {
namespace {

using arch::svm::Vmcb;

constexpr uint64_t kStackBytes = 16384;

alignas(4096) std::byte host_save[4096];
alignas(4096) std::byte msr_map[2 * 4096];
alignas(16) std::byte guest_stack[kStackBytes];

[[noreturn]] void Guest() {
  testguest::MeasureExits();
  for (;;) asm volatile("cli; hlt");
}

// Attributes as the loader of a segment register would find them in start.S's descriptors.
constexpr abi::SegmentRegister kCode = {0x08, 0xa9b, 0xffffffff, 0};
constexpr abi::SegmentRegister kData = {0x10, 0xc93, 0xffffffff, 0};

// The guest has this program's own page tables and descriptors: its addresses mean the same.
void MakeGuest(Vmcb& vmcb) {
  vmcb.intercept1 = arch::svm::kInterceptCpuid | arch::svm::kInterceptMsr;
  vmcb.intercept2 = arch::svm::kInterceptVmrun;
  vmcb.msr_map = reinterpret_cast<uint64_t>(msr_map);
  vmcb.asid = 1;
  vmcb.cs = kCode;
  vmcb.ds = vmcb.es = vmcb.ss = kData;
  struct [[gnu::packed]] {
    uint16_t limit;
    uint64_t base;
  } table;
  asm volatile("sgdt %0" : "=m"(table));
  vmcb.gdtr = {.selector = 0, .attributes = 0, .limit = table.limit, .base = table.base};
  vmcb.cr0 = arch::ReadCr0();
  vmcb.cr3 = arch::ReadCr3();
  vmcb.cr4 = arch::ReadCr4();
  vmcb.efer = arch::ReadMsr(arch::kMsrEfer);
  vmcb.rflags = 2;
  vmcb.dr6 = 0xffff0ff0;
  vmcb.dr7 = 0x400;
  vmcb.rip = reinterpret_cast<uint64_t>(&Guest);
  // As a call would leave it: 8 off a multiple of 16.
  vmcb.rsp = reinterpret_cast<uint64_t>(guest_stack) + kStackBytes - 8;
}

}  // namespace

extern "C" [[noreturn]] void TestGuestMain(const PvhStartInfo*) {
  if ((arch::Cpuid(0x80000001).ecx & (1 << 2)) == 0) {
    testguest::Print("error: this processor has no AMD-V\n");
    for (;;) asm volatile("cli; hlt");
  }
  arch::WriteMsr(arch::kMsrEfer, arch::ReadMsr(arch::kMsrEfer) | arch::kEferSvme);
  arch::WriteMsr(arch::kMsrVmHsavePa, reinterpret_cast<uint64_t>(host_save));
  std::memset(msr_map, 0xff, sizeof(msr_map));
  MakeGuest(svm_vmcb);
  asm volatile("vmsave %%rax" : : "a"(&svm_host_vmcb) : "memory");
  RunBare();
}

}  // namespace bulkhead
