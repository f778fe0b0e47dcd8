// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "guest/testguest/tap.h"

#include "guest/testguest/machine.h"

namespace bulkhead::testguest {
namespace {

int checks = 0;

}  // namespace

void Print(std::string_view text) {
  for (const char c : text) DebugOutput(c);
}

void FormatResult(TextWriter& line, bool ok, std::string_view what) {
  line << (ok ? "ok " : "not ok ") << ++checks << " - " << what << "\n";
}

bool Check(bool ok, std::string_view what) {
  Line line;
  FormatResult(line, ok, what);
  Print(line.view());
  return ok;
}

void Skip(std::string_view what, std::string_view reason) {
  Line line;
  line << what << " # SKIP " << reason;
  Check(true, line.view());
}

bool CheckEqual(uint64_t got, uint64_t want, std::string_view what) {
  if (!Check(got == want, what)) {
    Line line;
    line << "# got " << Hex{got} << ", want " << Hex{want} << "\n";
    Print(line.view());
  }
  return got == want;
}

void PrintPlan() {
  Line line;
  line << "1.." << checks << "\n";
  Print(line.view());
}

}  // namespace bulkhead::testguest
