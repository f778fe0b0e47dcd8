// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "guest/agent/pod_spec.h"
#include "guest/agent/protocol.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto spec =
      bulkhead::ParsePodSpec(std::string_view(reinterpret_cast<const char*>(data), size));
  if (!spec.has_value()) return 0;
  if (spec->containers.empty() || spec->containers.size() > bulkhead::kAgentMaxContainers ||
      spec->volumes.size() > bulkhead::kMaxPodVolumes) {
    __builtin_trap();
  }
  // What is written is read as the same.
  const std::string text = bulkhead::FormatPodSpec(*spec);
  const auto again = bulkhead::ParsePodSpec(text);
  if (!again.has_value() || bulkhead::FormatPodSpec(*again) != text) __builtin_trap();
  return 0;
}
