// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include <cstddef>
#include <cstdint>

#include "cli/manifest/manifest.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  (void)bulkhead::ParseManifests({reinterpret_cast<const char*>(data), size}, "file");
  return 0;
}
