// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_CLI_RUNTIME_CONFIG_H_
#define BULKHEAD_CLI_RUNTIME_CONFIG_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/architecture.h"
#include "cli/image_config.h"
#include "cli/pod_request.h"
#include "cli/user_lookup.h"

namespace bulkhead {

// Where the guest's init mounts the container's root.
inline constexpr char kContainerRoot[] = "/run/bulkhead/rootfs";

struct ContainerSpec {
  std::vector<std::string> arguments;
  std::vector<std::string> environment;
  std::string workdir;
  ContainerUser user;
  std::string hostname;
  std::string arch;  // Go's name
  std::vector<std::string> capabilities;
  bool read_only_root = false;
  bool no_new_privileges = false;
};

// What image and request together ask for. `passwd`, `group`: the texts of the image's files.
absl::StatusOr<ContainerSpec> MakeContainerSpec(const ImageConfig& image, const PodRequest& pod,
                                                Architecture arch, const std::string& passwd,
                                                const std::string& group);

// config.json for the OCI runtime in the guest (OCI runtime-spec 1.0). `seccomp_profile`: the text
// of kSeccompProfile.
absl::StatusOr<std::string> MakeRuntimeConfig(const ContainerSpec& spec,
                                              const std::string& seccomp_profile);

}  // namespace bulkhead

#endif  // BULKHEAD_CLI_RUNTIME_CONFIG_H_
