// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_CLI_MANIFEST_MANIFEST_H_
#define BULKHEAD_CLI_MANIFEST_MANIFEST_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/pod_request.h"

namespace bulkhead {

// What a pod's virtual machine has beyond what its container may use: a guest kernel, the page
// structures of its memory, and init.
inline constexpr uint64_t kPodMemoryOverhead = uint64_t{64} << 20;  // bytes
// Of a container that says nothing about memory.
inline constexpr uint64_t kDefaultPodMemory = uint64_t{512} << 20;  // bytes

// The pods of a file of Kubernetes manifests (v1 Pod), in order; docs/manifests.md has the fields.
// `file`: its name, for messages. An error names the field by its path, and the line.
absl::StatusOr<std::vector<PodRequest>> ParseManifests(std::string_view text,
                                                       const std::string& file);

}  // namespace bulkhead

#endif  // BULKHEAD_CLI_MANIFEST_MANIFEST_H_
