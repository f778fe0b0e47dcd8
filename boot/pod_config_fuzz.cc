// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "boot/pod_config.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  bulkhead::PodConfig config;
  const bulkhead::PodConfigError error = bulkhead::ParsePodConfig(input, config);
  bulkhead::Text<> text;
  text << error;
  if (error.ok()) {
    if (config.memory == 0 || config.memory % 4096 != 0 || config.cpus == 0) __builtin_trap();
    if (config.cpu_limit > 1000 || config.cpu_request > 1000) __builtin_trap();
    if (config.cpu_limit != 0 && config.cpu_request > config.cpu_limit) __builtin_trap();
    if (config.cmdline.size() > bulkhead::kMaxPodCommandLine) __builtin_trap();
    if (config.image_count > bulkhead::kMaxPodImages) __builtin_trap();
  } else {
    for (const char c : text.view()) {
      if (static_cast<unsigned char>(c) < ' ') __builtin_trap();
    }
  }
  return 0;
}
