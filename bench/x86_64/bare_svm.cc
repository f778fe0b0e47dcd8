// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// The shortest loop around VMRUN.

#include <cstring>

#include "arch/x86_64/registers.h"
#include "arch/x86_64/svm/vmcb.h"
#include "bench/x86_64/bare.h"

extern "C" {

alignas(4096) bulkhead::arch::svm::Vmcb svm_vmcb;
alignas(4096) bulkhead::arch::svm::Vmcb svm_host_vmcb;

[[noreturn]] void SvmLoop();

}  // extern "C"

namespace bulkhead {
namespace {

using arch::svm::Vmcb;

alignas(4096) std::byte host_save[4096];
alignas(4096) std::byte msr_map[2 * 4096];

// Attributes as the loader of a segment register would find them in start.S's descriptors.
constexpr abi::SegmentRegister kCode = {0x08, 0xa9b, 0xffffffff, 0};
constexpr abi::SegmentRegister kData = {0x10, 0xc93, 0xffffffff, 0};

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
  vmcb.rip = reinterpret_cast<uint64_t>(&BareGuest);
  vmcb.rsp = BareStack();
}

}  // namespace

void RunBareSvm() {
  arch::WriteMsr(arch::kMsrEfer, arch::ReadMsr(arch::kMsrEfer) | arch::kEferSvme);
  arch::WriteMsr(arch::kMsrVmHsavePa, reinterpret_cast<uint64_t>(host_save));
  std::memset(msr_map, 0xff, sizeof(msr_map));
  MakeGuest(svm_vmcb);
  asm volatile("vmsave %%rax" : : "a"(&svm_host_vmcb) : "memory");
  SvmLoop();
}

}  // namespace bulkhead
