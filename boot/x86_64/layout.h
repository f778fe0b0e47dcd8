// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_BOOT_X86_64_LAYOUT_H_
#define BULKHEAD_BOOT_X86_64_LAYOUT_H_

// What else the entries of x86_64 agree on. Included by C++ and by assembly; hypervisor.ld repeats
// the address.

#include "boot/layout.h"

// Physical address of the image's first byte when the loader goes by the ELF file (PVH,
// multiboot2). Only the 32-bit entries know it: the UEFI loader places the image wherever there is
// room, 2 MiB aligned.
#define BULKHEAD_IMAGE_PHYSICAL 0x200000

// Where what lies at this address of the image then is.
#define BULKHEAD_PHYSICAL(symbol) (symbol - BULKHEAD_IMAGE_VIRTUAL + BULKHEAD_IMAGE_PHYSICAL)

// Of the GDT in start64.S: a null and a code descriptor.
#define BULKHEAD_BOOT_GDT_LIMIT 15

#endif  // BULKHEAD_BOOT_X86_64_LAYOUT_H_
