// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_CLI_IMAGE_CONFIG_H_
#define BULKHEAD_CLI_IMAGE_CONFIG_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/pod_request.h"

namespace bulkhead {

// What an image says about its container (OCI image-spec 1.0, config.md).
struct ImageConfig {
  std::vector<std::string> entrypoint;
  std::vector<std::string> command;
  std::vector<std::string> env;
  std::string workdir;
  std::string user;
};

absl::StatusOr<ImageConfig> ParseImageConfig(const std::string& json);

// The words to execute: the image's, with what is asked for in their place.
absl::StatusOr<std::vector<std::string>> ContainerArguments(const ImageConfig& image,
                                                            const ContainerRequest& request);

// PATH, TERM, HOSTNAME and container as podman sets them, the image's variables, then those
// that are asked for. `home` becomes HOME unless somebody has set it.
std::vector<std::string> ContainerEnvironment(const ImageConfig& image,
                                              const ContainerRequest& request,
                                              const std::string& hostname, const std::string& home);

}  // namespace bulkhead

#endif  // BULKHEAD_CLI_IMAGE_CONFIG_H_
