// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_GUEST_INITRAMFS_ELF_FILE_H_
#define BULKHEAD_GUEST_INITRAMFS_ELF_FILE_H_

// The little of ELF (64-bit, little-endian) that is needed to find what a program or a kernel
// module cannot do without. Every offset is checked against the file.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace bulkhead {

struct ElfDependencies {
  uint16_t machine = 0;                // EM_...
  std::string interpreter;             // PT_INTERP; empty in libraries and static programs
  std::vector<std::string> libraries;  // DT_NEEDED, in order
};

absl::StatusOr<ElfDependencies> ReadElfDependencies(std::string_view file);

// Contents of a section, e.g. ".modinfo". NotFound if there is none of that name. The view is into
// `file`.
absl::StatusOr<std::string_view> FindElfSection(std::string_view file, std::string_view name);

}  // namespace bulkhead

#endif  // BULKHEAD_GUEST_INITRAMFS_ELF_FILE_H_
