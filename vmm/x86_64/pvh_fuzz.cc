// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// Any file as a kernel: loaded into guest memory or refused with a reason.

#include <cstdlib>
#include <vector>

#include "vmm/x86_64/pvh.h"

namespace bulkhead {

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static std::vector<std::byte> low(uint64_t{24} << 20);
  const GuestMemory memory({0, low});
  const auto bytes = std::as_bytes(std::span(data, size));
  LoadedKernel loaded;
  const PvhError error = LoadPvhKernel({bytes, bytes.first(size / 2), "quiet", {}}, memory, loaded);
  if (error.ok()) {
    if (loaded.kernel_end > low.size() || loaded.kernel_end <= loaded.kernel_start) std::abort();
    if (loaded.entry.rip < loaded.kernel_start || loaded.entry.rip >= loaded.kernel_end) {
      std::abort();
    }
  }
  Text<256> text;
  text << error;
  return 0;
}

}  // namespace bulkhead
