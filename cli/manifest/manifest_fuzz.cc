// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "cli/manifest/manifest.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto pods = bulkhead::ParseManifests(text, "f");
  if (!pods.ok()) {
    if (pods.status().message().empty()) __builtin_trap();
    return 0;
  }
  for (const bulkhead::PodRequest& pod : *pods) {
    if (pod.name.empty() || pod.containers.empty() || pod.containers.back().init) {
      __builtin_trap();
    }
    for (const bulkhead::ContainerRequest& container : pod.containers) {
      if (container.image.empty()) __builtin_trap();
      for (const auto& mount : container.mounts) {
        if (mount.volume >= pod.volumes.size() || mount.path[0] != '/') __builtin_trap();
      }
    }
    if (pod.memory <= bulkhead::kPodMemoryOverhead || pod.memory % 4096 != 0) __builtin_trap();
    if (pod.cpu_limit != 0 && pod.cpu_request > pod.cpu_limit) __builtin_trap();
  }
  return 0;
}
