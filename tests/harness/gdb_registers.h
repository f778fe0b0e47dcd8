// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_TESTS_HARNESS_GDB_REGISTERS_H_
#define BULKHEAD_TESTS_HARNESS_GDB_REGISTERS_H_

#include <functional>
#include <map>
#include <string>

namespace bulkhead {

// The numbers that a gdb stub gives to registers, by their names in its target description (GDB
// manual, "Target Description Format"): in the order of the description, unless one says its own.
// `read` gives the description's files; it is asked for target.xml first.
std::map<std::string, unsigned> NumberGdbRegisters(
    const std::function<std::string(const std::string& file)>& read);

}  // namespace bulkhead

#endif  // BULKHEAD_TESTS_HARNESS_GDB_REGISTERS_H_
