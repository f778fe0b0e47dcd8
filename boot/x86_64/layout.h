// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_BOOT_X86_64_LAYOUT_H_
#define BULKHEAD_BOOT_X86_64_LAYOUT_H_

// Where the hypervisor image lies. Included by C++ and by assembly; hypervisor.ld repeats the two
// addresses and checks the size.

// Virtual address of the image's first byte: the start of the top 2 GiB, which -mcmodel=kernel
// can address.
#define BULKHEAD_IMAGE_VIRTUAL 0xffffffff80000000

// Physical address of the image's first byte when a PVH loader placed it. Only the 32-bit entry
// knows it: the UEFI loader places the image wherever there is room, 2 MiB aligned.
#define BULKHEAD_PVH_IMAGE_PHYSICAL 0x200000

// The most that an entry maps of the image, in pages of 2 MiB.
#define BULKHEAD_IMAGE_SUPERPAGES 8

// Of the GDT in start64.S: a null and a code descriptor.
#define BULKHEAD_BOOT_GDT_LIMIT 15

#endif  // BULKHEAD_BOOT_X86_64_LAYOUT_H_
