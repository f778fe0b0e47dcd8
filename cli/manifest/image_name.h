// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_CLI_MANIFEST_IMAGE_NAME_H_
#define BULKHEAD_CLI_MANIFEST_IMAGE_NAME_H_

#include <optional>
#include <string>

#include "cli/pod_request.h"

namespace bulkhead {

struct ImageName {
  std::string image;  // as ParseImageReference reads it
  PullPolicy pull;    // unless the manifest says another
};

// An image by Kubernetes' rules ("nginx", "docker.io/library/nginx:1", "host:5000/a@sha256:...")
// or with a transport of ours ("docker://...", "oci:...", "docker-archive:...", "example:...").
// Nothing: it is neither.
std::optional<ImageName> ParseImageName(const std::string& text);

}  // namespace bulkhead

#endif  // BULKHEAD_CLI_MANIFEST_IMAGE_NAME_H_
