// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "guest/testguest/x86_64/control_registers.h"

#include "guest/testguest/x86_64/interrupts.h"

namespace bulkhead::testguest {

bool RefusesReservedBits() {
  const ScopedControl control;
  return !Try([&] { WriteCr0(control.cr0() | uint64_t{1} << 32); }).none();
}

}  // namespace bulkhead::testguest
