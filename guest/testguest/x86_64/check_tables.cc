// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// Descriptor tables, the task register and segments: loaded and stored without an exit, kept over
// exits (AMD APM 2, 4.6; Intel SDM 3A, 2.4).

#include <cstdint>
#include <string_view>

#include "guest/testguest/tap.h"
#include "guest/testguest/x86_64/descriptors.h"
#include "guest/testguest/x86_64/features.h"
#include "guest/testguest/x86_64/interrupts.h"
#include "guest/testguest/x86_64/processor_checks.h"
#include "vmm/x86_64/layout.h"

namespace bulkhead::testguest {
namespace {

constexpr uint64_t kBusy = uint64_t{2} << 40;  // of a task state segment's type
constexpr uint64_t kPresent = uint64_t{1} << 47;

void Exit() {
  (void)GetCpuid(0);
  (void)ReadMmio<uint32_t>(layout::kIoApicBase);
}

DescriptorTable StoreGlobal() {
  DescriptorTable table;
  asm volatile("sgdt %0" : "=m"(table));
  return table;
}
DescriptorTable StoreInterrupt() {
  DescriptorTable table;
  asm volatile("sidt %0" : "=m"(table));
  return table;
}
bool Same(const DescriptorTable& a, const DescriptorTable& b) {
  return a.limit == b.limit && a.base == b.base;
}
void LoadTask(uint16_t selector) { asm volatile("ltr %w0" : : "r"(selector) : "memory"); }
uint16_t StoreTask() {
  uint16_t selector;
  asm volatile("str %w0" : "=r"(selector));
  return selector;
}
void LoadLocal(uint16_t selector) { asm volatile("lldt %w0" : : "r"(selector) : "memory"); }
uint16_t StoreLocal() {
  uint16_t selector;
  asm volatile("sldt %w0" : "=r"(selector));
  return selector;
}
void LoadFs(uint16_t selector) { asm volatile("movw %w0, %%fs" : : "r"(selector) : "memory"); }

void CheckTableRegisters() {
  const DescriptorTable global = StoreGlobal(), interrupt = StoreInterrupt();
  const DescriptorTable longer = {static_cast<uint16_t>(global.limit - 8), global.base};
  asm volatile("lgdt %0" : : "m"(longer));
  Exit();
  Check(Same(StoreGlobal(), longer), "LGDT, exits, SGDT");
  asm volatile("lgdt %0" : : "m"(global));
  const DescriptorTable other = {0x7f, 0xffff800012345678};
  asm volatile("lidt %0" : : "m"(other));
  Exit();
  const DescriptorTable stored = StoreInterrupt();
  asm volatile("lidt %0" : : "m"(interrupt));
  Check(Same(stored, other), "LIDT, exits, SIDT");
}

void CheckNonCanonicalTable() {
  constexpr std::string_view kWhat = "LGDT of a non-canonical address: #GP";
  const DescriptorTable global = StoreGlobal();
  // Put right before anything needs it.
  const Exception got = Try([&] {
    const DescriptorTable bad = {global.limit, uint64_t{1} << 47};
    asm volatile("lgdt %0; lgdt %1" : : "m"(bad), "m"(global));
  });
  if (got.none()) return Skip(kWhat, "this processor takes it");
  CheckRaises(got, kGeneralProtectionVector, 0, kWhat);
}

void CheckTask() {
  CheckEqual(StoreTask(), kTaskSelector, "STR");
  Check((Descriptor(kTaskSelector) & kBusy) != 0, "LTR marks the task busy");
  CheckRaises(Try([] { LoadTask(kTaskSelector); }), kGeneralProtectionVector, kTaskSelector,
              "LTR of a busy task: #GP with its selector");
  Descriptor(kTaskSelector) &= ~kBusy;
  CheckRaisesNothing(Try([] { LoadTask(kTaskSelector); }), "LTR");
  Exit();
  CheckEqual(StoreTask(), kTaskSelector, "the task register survives exits");
  constexpr std::string_view kNothing = "LTR of nothing: #GP";
  const Exception got = Try([] { LoadTask(0); });
  if (!got.none()) {
    CheckRaises(got, kGeneralProtectionVector, 0, kNothing);
    return;
  }
  Skip(kNothing, "this processor takes it");
  Descriptor(kTaskSelector) &= ~kBusy;
  LoadTask(kTaskSelector);
}

void CheckLocalTable() {
  LoadLocal(kLocalTableSelector);
  Exit();
  CheckEqual(StoreLocal(), kLocalTableSelector, "LLDT, exits, SLDT");
  // Its first segment, which is looked up in memory.
  auto* segments = reinterpret_cast<uint64_t*>(Descriptor(kLocalTableSelector) >> 16 & 0xffffff);
  segments[0] = Descriptor(kDataSelector);
  CheckRaisesNothing(Try([] { LoadFs(1 << 2); }), "a segment of the local table");
  Exit();
  uint16_t fs = 0;
  asm volatile("movw %%fs, %0" : "=r"(fs));
  CheckEqual(fs, 1 << 2, "FS keeps its selector over exits");
  LoadFs(0);
  Descriptor(kLocalTableSelector) &= ~kPresent;
  CheckRaises(Try([] { LoadLocal(kLocalTableSelector); }), kNotPresentVector, kLocalTableSelector,
              "LLDT of what is not present: #NP");
  Descriptor(kLocalTableSelector) |= kPresent;
  LoadLocal(0);
  CheckEqual(StoreLocal(), 0, "LLDT of nothing");
  CheckRaises(Try([] { LoadFs(1 << 2); }), kGeneralProtectionVector, 1 << 2,
              "then a segment of the local table raises #GP");
}

void CheckSegments() {
  CheckRaises(Try([] { LoadFs(kSpareSelector + 16); }), kGeneralProtectionVector,
              kSpareSelector + 16, "a selector behind the table: #GP");
  const uint64_t data = Descriptor(kDataSelector);
  Descriptor(kSpareSelector) = data & ~kPresent;
  CheckRaises(Try([] { LoadFs(kSpareSelector); }), kNotPresentVector, kSpareSelector,
              "a segment that is not present: #NP");
  // Base 0x12345678 of a data segment arrives in the MSR.
  Descriptor(kSpareSelector) = 0x12cf93345678ffff;
  LoadFs(kSpareSelector);
  Exit();
  CheckEqual(ReadMsr(kMsrFsBase).value, 0x12345678, "loading FS sets its base");
  LoadFs(0);
  WriteMsr(kMsrFsBase, 0);
}

}  // namespace

void CheckTables() {
  CheckTableRegisters();
  CheckNonCanonicalTable();
  CheckTask();
  CheckLocalTable();
  CheckSegments();
}

}  // namespace bulkhead::testguest
