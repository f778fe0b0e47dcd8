// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_CLI_CAPABILITIES_H_
#define BULKHEAD_CLI_CAPABILITIES_H_

#include <string>
#include <string_view>
#include <vector>

#include "cli/pod_request.h"

namespace bulkhead {

// Whether Linux 6.1 has a capability of this name ("CAP_CHOWN").
bool IsCapability(std::string_view name);

// What a container may do by default, in podman 4 (containers.conf, default_capabilities).
std::vector<std::string> DefaultCapabilities();

// What this container may do: the default ones without those that are dropped, with those that are
// added; in the kernel's order.
std::vector<std::string> Capabilities(const ContainerRequest& request);

}  // namespace bulkhead

#endif  // BULKHEAD_CLI_CAPABILITIES_H_
