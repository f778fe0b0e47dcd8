// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include <cstddef>

#include "arch/x86_64/registers.h"
#include "bench/x86_64/bare.h"
#include "boot/pvh/start_info.h"
#include "guest/testguest/measure.h"
#include "guest/testguest/tap.h"

namespace bulkhead {
namespace {

constexpr uint64_t kStackBytes = 16384;

alignas(16) std::byte guest_stack[kStackBytes];

bool HasSvm() { return (arch::Cpuid(0x80000001).ecx & (1 << 2)) != 0; }
bool HasVmx() { return (arch::Cpuid(1).ecx & (1 << 5)) != 0; }

}  // namespace

void BareGuest() {
  testguest::MeasureExits();
  for (;;) asm volatile("cli; hlt");
}

uint64_t BareStack() { return reinterpret_cast<uint64_t>(guest_stack) + kStackBytes - 8; }

extern "C" [[noreturn]] void TestGuestMain(const PvhStartInfo*) {
  if (HasSvm()) RunBareSvm();
  if (HasVmx()) RunBareVmx();
  testguest::Print("error: this processor has neither AMD-V nor VT-x\n");
  for (;;) asm volatile("cli; hlt");
}

}  // namespace bulkhead
