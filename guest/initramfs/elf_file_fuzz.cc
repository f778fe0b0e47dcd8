// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "guest/initramfs/elf_file.h"
#include "guest/initramfs/modules.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view file(reinterpret_cast<const char*>(data), size);
  (void)bulkhead::ReadElfDependencies(file);
  if (bulkhead::WithoutSignature(file).size() > size) std::abort();
  const absl::StatusOr<std::string_view> section = bulkhead::FindElfSection(file, ".modinfo");
  if (section.ok()) {
    if (section->size() > size) std::abort();
    (void)bulkhead::ParseModinfo(*section);
  }
  return 0;
}
