// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_CLI_SECCOMP_H_
#define BULKHEAD_CLI_SECCOMP_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/json.h"

namespace bulkhead {

// The default profile of podman and its kin (package golang-github-containers-common).
inline constexpr char kSeccompProfile[] = "/usr/share/containers/seccomp.json";

// Turns a profile in the containers' format (conditions on architecture and capabilities) into
// linux.seccomp of an OCI runtime configuration, for a container on `arch` (Go's name) that has
// the capabilities `capabilities` ("CAP_CHOWN", ...).
absl::StatusOr<Json> MakeSeccomp(const std::string& profile, const std::string& arch,
                                 const std::vector<std::string>& capabilities);

}  // namespace bulkhead

#endif  // BULKHEAD_CLI_SECCOMP_H_
