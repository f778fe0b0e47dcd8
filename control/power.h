// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_CONTROL_POWER_H_
#define BULKHEAD_CONTROL_POWER_H_

#include "boot/acpi/acpi_tables.h"

namespace bulkhead {

// Powers the machine off as the firmware's tables say; resets it if that does not work.
[[noreturn]] void PowerOffMachine(AcpiTables* tables);

}  // namespace bulkhead

#endif  // BULKHEAD_CONTROL_POWER_H_
