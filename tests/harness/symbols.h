// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_TESTS_HARNESS_SYMBOLS_H_
#define BULKHEAD_TESTS_HARNESS_SYMBOLS_H_

#include <cstdint>
#include <string>
#include <vector>

namespace bulkhead {

// Where a function of a program begins; `name` as `nm -C` writes it. Ends the test program when
// there is not exactly one.
uint64_t FunctionAddress(const std::string& elf, const std::string& name);

// What tools/symbolize makes of a log; the options name the programs.
std::string Symbolize(const std::string& log, const std::vector<std::string>& options);

}  // namespace bulkhead

#endif  // BULKHEAD_TESTS_HARNESS_SYMBOLS_H_
