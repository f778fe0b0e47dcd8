// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// That the processor forgets translations when it is told to, and only what the guest says counts
// (AMD APM 2, 5.5; Intel SDM 3A, 4.10).

#include <cstdint>
#include <string_view>

#include "guest/testguest/tap.h"
#include "guest/testguest/x86_64/control_registers.h"
#include "guest/testguest/x86_64/features.h"
#include "guest/testguest/x86_64/interrupts.h"
#include "guest/testguest/x86_64/pages.h"
#include "guest/testguest/x86_64/processor_checks.h"

namespace bulkhead::testguest {
namespace {

alignas(kSmallPage) uint64_t first[kSmallPage / 8] = {0x1111};
alignas(kSmallPage) uint64_t second[kSmallPage / 8] = {0x2222};

constexpr uint32_t kPage = 1;
constexpr uint64_t kAccessed = 1 << 5, kDirty = 1 << 6;
constexpr uint64_t kKeepTranslations = uint64_t{1} << 63;  // of a value for CR3

uint64_t Entry(const uint64_t* frame, uint64_t bits = 0) {
  return reinterpret_cast<uint64_t>(frame) | kPagePresent | kPageWritable | bits;
}
uint64_t Read() { return *reinterpret_cast<volatile uint64_t*>(WindowAddress(kPage)); }

// One result: after the page has been used and mapped elsewhere, `forget` makes it known.
template <typename Forget>
void CheckForgets(std::string_view what, uint64_t bits, Forget forget) {
  SetWindow(kPage, Entry(first, bits));
  InvalidatePage(WindowAddress(kPage));
  const uint64_t before = Read();
  SetWindow(kPage, Entry(second, bits));
  const Exception got = Try(forget);
  const uint64_t after = Read();
  Check(got.none() && before == first[0] && after == second[0], what);
  SetWindow(kPage, 0);
  InvalidatePage(WindowAddress(kPage));
}

void InvalidateByDescriptor(uint64_t type, uint64_t context, uint64_t address) {
  const struct {
    uint64_t context, address;
  } descriptor = {context, address};
  asm volatile("invpcid %0, %1" : : "m"(descriptor), "r"(type) : "memory");
}

void CheckInvalidation() {
  CheckForgets("INVLPG", 0, [] { InvalidatePage(WindowAddress(kPage)); });
  CheckForgets("INVLPG of a global page", kPageGlobal,
               [] { InvalidatePage(WindowAddress(kPage)); });
  CheckForgets("writing CR3 forgets translations", 0, [] { WriteCr3(ReadCr3()); });
  CheckForgets("changing CR4.PGE forgets global ones", kPageGlobal, [] {
    WriteCr4(ReadCr4() ^ kCr4Pge);
    WriteCr4(ReadCr4() ^ kCr4Pge);
  });
  CheckRaisesNothing(Try([] { InvalidatePage(uint64_t{1} << 47); }),
                     "INVLPG of a non-canonical address");

  SetWindow(kPage, Entry(first));
  InvalidatePage(WindowAddress(kPage));
  (void)Read();
  SetWindow(kPage, 0);
  InvalidatePage(WindowAddress(kPage));
  CheckRaises(Try([] { (void)Read(); }), kPageFaultVector, 0, "what is unmapped raises #PF");
}

void CheckAccessBits() {
  SetWindow(kPage, Entry(first));
  InvalidatePage(WindowAddress(kPage));
  (void)Read();
  const uint64_t read = Window(kPage) & (kAccessed | kDirty);
  *reinterpret_cast<volatile uint64_t*>(WindowAddress(kPage)) = first[0];
  const uint64_t written = Window(kPage) & (kAccessed | kDirty);
  SetWindow(kPage, 0);
  InvalidatePage(WindowAddress(kPage));
  Check(read == kAccessed && written == (kAccessed | kDirty),
        "the page table's accessed and dirty bits are set");
}

void CheckInvpcid() {
  struct {
    uint64_t type, bits;
    std::string_view what;
  } static constexpr kTypes[] = {
      {0, 0, "INVPCID of an address"},
      {1, 0, "INVPCID of a context"},
      {2, kPageGlobal, "INVPCID of everything"},
      {3, 0, "INVPCID of everything but global pages"},
  };
  constexpr std::string_view kUnknown = "INVPCID of an unknown type: #GP";
  if (!Has(kInvpcid)) {
    for (const auto& [type, bits, what] : kTypes) Skip(what, "no INVPCID");
    return Skip(kUnknown, "no INVPCID");
  }
  for (const auto& entry : kTypes) {
    CheckForgets(entry.what, entry.bits,
                 [&] { InvalidateByDescriptor(entry.type, 0, WindowAddress(kPage)); });
  }
  CheckRaises(Try([] { InvalidateByDescriptor(4, 0, 0); }), kGeneralProtectionVector, 0, kUnknown);
}

void CheckContexts() {
  constexpr std::string_view kKept = "CR3 keeps a process context";
  constexpr std::string_view kForgets = "writing CR3 forgets the context's translations";
  constexpr std::string_view kNeeded = "CR4.PCIDE needs context 0: #GP";
  if (!Has(kPcid)) {
    for (const auto what : {kKept, kForgets, kNeeded}) Skip(what, "no PCID");
    return;
  }
  const ScopedControl control;
  const uint64_t cr3 = ReadCr3();
  WriteCr4(control.cr4() | kCr4Pcide);
  WriteCr3(cr3 | 5);
  WriteCr3(cr3 | 6 | kKeepTranslations);
  CheckEqual(ReadCr3(), cr3 | 6, kKept);
  WriteCr3(cr3 | 5 | kKeepTranslations);
  CheckForgets(kForgets, 0, [&] { WriteCr3(cr3 | 5); });
  WriteCr3(cr3);
  WriteCr4(control.cr4());
  WriteCr3(cr3 | 1 << 3);  // write-through: not a context yet
  CheckRaises(Try([&] { WriteCr4(control.cr4() | kCr4Pcide); }), kGeneralProtectionVector, 0,
              kNeeded);
  WriteCr3(cr3);
}

}  // namespace

void CheckTranslation() {
  CheckInvalidation();
  CheckAccessBits();
  CheckInvpcid();
  CheckContexts();
}

}  // namespace bulkhead::testguest
