// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "tests/harness/gdb_registers.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

namespace bulkhead {
namespace {

using Numbers = std::map<std::string, unsigned>;

Numbers Read(const std::map<std::string, std::string>& files) {
  return NumberGdbRegisters([files](const std::string& file) { return files.at(file); });
}

TEST(GdbRegisters, AreNumberedInOrder) {
  EXPECT_EQ(Read({{"target.xml",
                   "<?xml version=\"1.0\"?><!DOCTYPE target SYSTEM \"gdb-target.dtd\"><target>"
                   "<xi:include href=\"core.xml\"/><xi:include href=\"system.xml\"/></target>"},
                  {"core.xml",
                   "<!-- The core -->\n<feature name=\"core\">\n  <flags id=\"f\" size=\"4\"/>\n"
                   "  <!--reg name=\"no\"/>\n  <reg name=\"neither\"/-->\n"
                   "  <reg name=\"x0\" bitsize=\"64\"/>\n  <reg name=\"sp\" bitsize=\"64\"/>\n"},
                  {"system.xml",
                   "<reg name=\"TTBR0_EL2\" bitsize=\"64\" regnum=\"70\" group=\"cp_regs\"/>"
                   "<reg name=\"TTBR1_EL2\" bitsize=\"64\"/>"}}),
            (Numbers{{"x0", 0}, {"sp", 1}, {"TTBR0_EL2", 70}, {"TTBR1_EL2", 71}}));
}

TEST(GdbRegisters, OfWhatIsNoDescription) {
  EXPECT_EQ(Read({{"target.xml", ""}}), Numbers());
  EXPECT_EQ(Read({{"target.xml", "<reg name=\"x0"}}), Numbers());
}

}  // namespace
}  // namespace bulkhead
