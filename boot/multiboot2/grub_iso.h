// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_BOOT_MULTIBOOT2_GRUB_ISO_H_
#define BULKHEAD_BOOT_MULTIBOOT2_GRUB_ISO_H_

// A CD that boots a node on a PC with BIOS: GRUB, the hypervisor and its bundle. Made of nothing
// else, so the same files give the same bytes. Needs grub-mkimage, GRUB's modules for the PC, and
// xorriso.

#include <string>

#include "absl/status/status.h"
#include "cli/subprocess.h"

namespace bulkhead {

struct GrubIso {
  std::string hypervisor;         // file
  std::string bundle = {};        // file; empty: none
  std::string command_line = {};  // printable words without quotes or backslashes
};

// Writes the file `path`. What GRUB has to say goes to the first UART; it resets the machine when
// it cannot start the hypervisor.
absl::Status MakeGrubIso(const GrubIso& iso, const std::string& path, const RunContext& context);

}  // namespace bulkhead

#endif  // BULKHEAD_BOOT_MULTIBOOT2_GRUB_ISO_H_
