// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "arch/log.h"

#include "arch/cpu.h"

namespace bulkhead {

void LogLine(std::string_view text) {
  for (const char c : text) arch::PutChar(c);
  arch::PutChar('\n');
}

void Fatal(std::string_view text) {
  for (const char c : std::string_view("bulkhead: fatal: ")) arch::PutChar(c);
  LogLine(text);
  arch::ResetMachine();
}

}  // namespace bulkhead
