// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_GUEST_TESTGUEST_TAP_H_
#define BULKHEAD_GUEST_TESTGUEST_TAP_H_

// The Test Anything Protocol on the debug UART.

#include <cstdint>
#include <string_view>

#include "base/format.h"

namespace bulkhead::testguest {

using Line = Text<256>;

void Print(std::string_view text);
// One result. Returns `ok`.
bool Check(bool ok, std::string_view what);
// One that is not looked for here, and why.
void Skip(std::string_view what, std::string_view reason);
// The line of a result, for a check that prints it by what it checks.
void FormatResult(TextWriter& line, bool ok, std::string_view what);
// `Check(got == want)`, with both in the output if they differ.
bool CheckEqual(uint64_t got, uint64_t want, std::string_view what);
void PrintPlan();

}  // namespace bulkhead::testguest

#endif  // BULKHEAD_GUEST_TESTGUEST_TAP_H_
