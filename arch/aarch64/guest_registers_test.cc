// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// The table of registers that are switched with a guest: what a slip in it would do is seen late,
// and only on some machines.

#include "arch/aarch64/guest_registers.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <map>
#include <set>
#include <string>

#include "guest/testguest/aarch64/registers.h"

namespace bulkhead::arch {
namespace {

using Table = std::map<std::string, uint64_t>;  // assembler's name, value after reset

Table Everything() {
  Table table;
#define ADD(name, assembler, reset) table[#assembler] = reset;
  BULKHEAD_GUEST_REGISTERS(ADD)
  BULKHEAD_THREAD_REGISTERS(ADD)
#undef ADD
  return table;
}

// As the guest calls it: _EL12 and _EL02 are names of EL1's and EL0's registers.
std::string GuestName(const std::string& assembler) {
  const size_t suffix = assembler.rfind("_el");
  const std::string name = assembler.substr(0, suffix);
  const std::string level = assembler.substr(suffix);
  if (level == "_el12") return name + "_el1";
  return level == "_el02" ? name + "_el0" : assembler;
}

TEST(GuestRegistersTest, EachIsThereOnce) {
  EXPECT_EQ(Everything().size(), size_t{kGuestRegisterCount} + size_t{kThreadRegisterCount});
}

// With HCR_EL2.E2H these names mean EL2's registers at EL2, the timer's the host's own (Arm ARM
// DDI 0487, D8.5.2): a guest's have others. All other names must not have the suffix.
TEST(GuestRegistersTest, RedirectedOnesGoByTheirOtherName) {
  const std::set<std::string> redirected = {
      "sctlr_el1", "cpacr_el1", "ttbr0_el1",      "ttbr1_el1",   "tcr_el1",      "afsr0_el1",
      "afsr1_el1", "esr_el1",   "far_el1",        "mair_el1",    "amair_el1",    "vbar_el1",
      "elr_el1",   "spsr_el1",  "contextidr_el1", "cntkctl_el1", "cntv_ctl_el0", "cntv_cval_el0"};
  std::set<std::string> found;
  for (const auto& [assembler, reset] : Everything()) {
    const std::string name = GuestName(assembler);
    EXPECT_EQ(redirected.contains(name), name != assembler) << assembler;
    if (redirected.contains(name)) found.insert(name);
  }
  EXPECT_EQ(found, redirected);
}

// Each is also written by one test guest and looked for by another, but for those on which a
// guest's own execution depends.
TEST(GuestRegistersTest, TheTestGuestMarksThem) {
  std::set<std::string> wanted;
  for (const auto& [assembler, reset] : Everything()) wanted.insert(GuestName(assembler));
  for (const char* needed : {"sctlr_el1", "cpacr_el1", "ttbr0_el1", "tcr_el1", "mair_el1",
                             "vbar_el1", "sp_el1", "cntv_ctl_el0"}) {
    EXPECT_EQ(wanted.erase(needed), 1u) << needed;
  }
  std::set<std::string> marked;
#define MARK(name, mark) EXPECT_TRUE(marked.insert(name).second) << name;
  EACH_MARKED_REGISTER(MARK)
#undef MARK
  // FPCR and FPSR, which are saved with the vector registers.
  EXPECT_EQ(marked.erase("s3_3_c4_c4_0") + marked.erase("s3_3_c4_c4_1"), 2u);
  EXPECT_EQ(marked, wanted);
}

TEST(GuestRegistersTest, AfterAResetNothingIsOn) {
  constexpr uint64_t kMmuAndCaches = 1 << 0 | 1 << 2 | 1 << 12;
  for (const auto& [assembler, reset] : Everything()) {
    if (assembler == "sctlr_el12") {
      EXPECT_EQ(reset & kMmuAndCaches, 0u);
    } else {
      EXPECT_EQ(reset, 0u) << assembler;  // nothing of whoever had the processor before
    }
  }
}

}  // namespace
}  // namespace bulkhead::arch
