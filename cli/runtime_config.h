// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_CLI_RUNTIME_CONFIG_H_
#define BULKHEAD_CLI_RUNTIME_CONFIG_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/architecture.h"
#include "cli/image_config.h"
#include "cli/pod_request.h"
#include "cli/user_lookup.h"

namespace bulkhead {

// The container's root, which the guest's init mounts, in its bundle.
inline constexpr char kContainerRoot[] = "rootfs";

struct ContainerSpec {
  std::vector<std::string> arguments;
  std::vector<std::string> environment;
  std::string workdir;
  ContainerUser user;
  std::string arch;  // Go's name
  std::vector<std::string> capabilities;
  bool read_only_root = false;
  bool no_new_privileges = false;
  std::vector<ContainerRequest::Mount> mounts;
  uint64_t memory_limit = 0;  // bytes; 0: none
  // Thousandths of a CPU. Shares: none if absent.
  uint32_t cpu_limit = 0;  // 0: none
  std::optional<uint32_t> cpu_request;
};

std::string PodHostname(const PodRequest& pod);

// What image and request together ask for, for the pod's container of this number. `passwd`,
// `group`: the texts of the image's files.
absl::StatusOr<ContainerSpec> MakeContainerSpec(const ImageConfig& image, const PodRequest& pod,
                                                size_t container, Architecture arch,
                                                const std::string& passwd,
                                                const std::string& group);

// config.json for the OCI runtime in the guest (OCI runtime-spec 1.0). `seccomp_profile`: the text
// of kSeccompProfile.
absl::StatusOr<std::string> MakeRuntimeConfig(const ContainerSpec& spec,
                                              const std::string& seccomp_profile);

}  // namespace bulkhead

#endif  // BULKHEAD_CLI_RUNTIME_CONFIG_H_
