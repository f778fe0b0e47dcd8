// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// Which bits of CR0, CR4 and EFER a guest may change, and which not.

#include <string_view>

#include "guest/testguest/tap.h"
#include "guest/testguest/x86_64/control_registers.h"
#include "guest/testguest/x86_64/features.h"
#include "guest/testguest/x86_64/interrupts.h"
#include "guest/testguest/x86_64/processor_checks.h"

namespace bulkhead::testguest {
namespace {

// One result: set, it reads as set; cleared, as cleared.
template <typename Read, typename Write>
void CheckToggles(std::string_view name, uint64_t bit, Read read, Write write) {
  const uint64_t before = read();
  bool ok = Try([&] { write(before | bit); }).none() && read() == (before | bit);
  ok = Try([&] { write(before & ~bit); }).none() && read() == (before & ~bit) && ok;
  write(before);
  Line line;
  line << name << " can be set and cleared";
  Check(ok && read() == before, line.view());
}

void CheckCr0Bits() {
  struct {
    uint64_t bit;
    std::string_view name;
  } static constexpr kBits[] = {
      {kCr0Mp, "CR0.MP"}, {kCr0Em, "CR0.EM"},
      {kCr0Ts, "CR0.TS"}, {kCr0Ne, "CR0.NE"},
      {kCr0Wp, "CR0.WP"}, {kCr0Am, "CR0.AM"},
      {kCr0Cd, "CR0.CD"}, {kCr0Cd | kCr0Nw, "CR0.CD with CR0.NW"},
  };
  for (const auto& [bit, name] : kBits) CheckToggles(name, bit, ReadCr0, WriteCr0);
  const ScopedControl control;
  WriteCr0(control.cr0() & ~kCr0Et);
  CheckEqual(ReadCr0() & kCr0Et, kCr0Et, "CR0.ET is always set");
}

void CheckCr4Bits() {
  struct {
    uint64_t bit;
    std::string_view name;
    const Feature* feature;
  } static constexpr kBits[] = {
      {kCr4Vme, "CR4.VME", &kVme},
      {kCr4Pvi, "CR4.PVI", &kVme},
      {kCr4Tsd, "CR4.TSD", nullptr},
      {kCr4De, "CR4.DE", &kDebuggingExtensions},
      {kCr4Pse, "CR4.PSE", &kPse},
      {kCr4Pge, "CR4.PGE", &kPge},
      {kCr4Pce, "CR4.PCE", nullptr},
      {kCr4Osfxsr, "CR4.OSFXSR", nullptr},
      {kCr4Osxmmexcpt, "CR4.OSXMMEXCPT", nullptr},
      {kCr4Umip, "CR4.UMIP", &kUmip},
      {kCr4FsGsBase, "CR4.FSGSBASE", &kFsGsBase},
      {kCr4Pcide, "CR4.PCIDE", &kPcid},
      {kCr4Osxsave, "CR4.OSXSAVE", &kXsave},
      {kCr4Smep, "CR4.SMEP", &kSmep},
      {kCr4Smap, "CR4.SMAP", &kSmap},
  };
  for (const auto& [bit, name, feature] : kBits) {
    if (feature == nullptr || Has(*feature)) {
      CheckToggles(name, bit, ReadCr4, WriteCr4);
    } else {
      Line line;
      line << name << " can be set and cleared";
      Skip(line.view(), "CPUID does not offer it");
    }
  }
}

void CheckEferBits() {
  const auto read = [] { return ReadMsr(kMsrEfer).value; };
  const auto write = [](uint64_t value) { WriteMsr(kMsrEfer, value); };
  CheckToggles("EFER.SCE", kEferSce, read, write);
  CheckToggles("EFER.NXE", kEferNxe, read, write);
  const uint64_t efer = read();
  WriteMsr(kMsrEfer, efer & ~kEferLma);
  CheckEqual(read(), efer, "EFER.LMA cannot be written");
  const bool set = WriteMsr(kMsrEfer, efer | kEferFfxsr);
  WriteMsr(kMsrEfer, efer);
  Check(set == Has(kFastFxsr), "EFER.FFXSR is there if CPUID offers it");
  Check(!WriteMsr(kMsrEfer, efer | 1 << 9) && !WriteMsr(kMsrEfer, efer | uint64_t{1} << 63),
        "EFER: reserved bits raise #GP");
}

// Writes what must not be written.
Exception TryCr0(uint64_t value) {
  const ScopedControl control;
  return Try([&] { WriteCr0(value); });
}
Exception TryCr4(uint64_t value) {
  const ScopedControl control;
  return Try([&] { WriteCr4(value); });
}

struct Refusal {
  uint64_t set, clear;
  std::string_view what;
};

void CheckRefusals() {
  static constexpr Refusal kCr0Refusals[] = {
      {kCr0Nw, kCr0Cd, "CR0.NW without CR0.CD: #GP"},
      {0, kCr0Pe, "CR0.PG without CR0.PE: #GP"},
      {0, kCr0Pg, "CR0.PG stays in 64-bit code: #GP"},
      {uint64_t{1} << 32, 0, "CR0: reserved bits raise #GP"},
  };
  static constexpr Refusal kCr4Refusals[] = {
      {1 << 15, 0, "CR4: reserved bits raise #GP"},
      {uint64_t{1} << 63, 0, "CR4: reserved bits of the upper half raise #GP"},
      {kCr4Vmxe, 0, "CR4.VMXE does not exist"},
      {0, kCr4Pae, "CR4.PAE stays in long mode: #GP"},
  };
  const uint64_t cr0 = ReadCr0(), cr4 = ReadCr4();
  const bool refuses = RefusesReservedBits();
  const auto check = [refuses](const Refusal& refusal, uint64_t before, auto write) {
    if (!refuses) {
      return Skip(refusal.what, kTakesReservedBits);
    }
    CheckRaises(write((before | refusal.set) & ~refusal.clear), kGeneralProtectionVector, 0,
                refusal.what);
  };
  for (const Refusal& refusal : kCr0Refusals) check(refusal, cr0, TryCr0);
  for (const Refusal& refusal : kCr4Refusals) check(refusal, cr4, TryCr4);
  CheckEqual(ReadCr0(), cr0, "CR0 is as it was");
  CheckEqual(ReadCr4(), cr4, "CR4 is as it was");
}

}  // namespace

void CheckControlBits() {
  CheckCr0Bits();
  CheckCr4Bits();
  CheckEferBits();
  CheckRefusals();
}

}  // namespace bulkhead::testguest
