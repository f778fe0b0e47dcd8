// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_BOOT_AARCH64_START_H_
#define BULKHEAD_BOOT_AARCH64_START_H_

// What start.S tells BootMain (entry.cc). Included by C++ and by assembly.

// The entry that was used, which says what the loader's argument is.
#define BULKHEAD_ENTRY_BOOT_INFO 0
#define BULKHEAD_ENTRY_IMAGE 1

// Why the hypervisor cannot run here; BootMain runs at EL1 then, to say so.
#define BULKHEAD_REFUSAL_NONE 0
#define BULKHEAD_REFUSAL_NOT_EL2 1
#define BULKHEAD_REFUSAL_NO_VHE 2

#endif  // BULKHEAD_BOOT_AARCH64_START_H_
