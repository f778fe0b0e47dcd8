// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "boot/early_console.h"

namespace bulkhead {

void EarlyFatal(std::string_view text) {
  EarlyConsoleWrite("bulkhead: fatal: ");
  EarlyConsoleWrite(text);
  EarlyConsoleWrite("\n");
  EarlyReset();
}

}  // namespace bulkhead
