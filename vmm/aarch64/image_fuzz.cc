// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// Any file as a kernel: loaded into guest memory or refused with a reason.

#include <cstdlib>
#include <vector>

#include "vmm/aarch64/image.h"
#include "vmm/aarch64/layout.h"

namespace bulkhead {

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static std::vector<std::byte> ram(uint64_t{24} << 20);
  const auto bytes = std::as_bytes(std::span(data, size));
  LoadedImage loaded;
  const ImageError error =
      LoadImage({bytes, bytes.first(size / 2)}, GuestMemory({layout::kRamStart, ram}), loaded);
  if (error.ok()) {
    const bool in_order =
        layout::kRamStart <= loaded.entry && loaded.entry < loaded.kernel_end &&
        loaded.kernel_end <= loaded.devicetree &&
        loaded.devicetree + layout::kDevicetreeSize <= layout::kRamStart + ram.size();
    if (!in_order || loaded.initramfs_end > layout::kRamStart + ram.size()) std::abort();
  }
  Text<256> text;
  text << error;
  return 0;
}

}  // namespace bulkhead
