// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_CLI_IMAGE_CONFIG_H_
#define BULKHEAD_CLI_IMAGE_CONFIG_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/options.h"

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

// The words to execute: the image's, with --entrypoint and COMMAND in their place, as podman does:
// an entrypoint that is given drops the image's Cmd.
absl::StatusOr<std::vector<std::string>> ContainerArguments(const ImageConfig& image,
                                                            const RunOptions& options);

// PATH, TERM, HOSTNAME and container as podman sets them, the image's variables, then --env's.
// `home` becomes HOME unless somebody has set it.
std::vector<std::string> ContainerEnvironment(const ImageConfig& image, const RunOptions& options,
                                              const std::string& home);

}  // namespace bulkhead

#endif  // BULKHEAD_CLI_IMAGE_CONFIG_H_
