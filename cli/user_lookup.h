// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_CLI_USER_LOOKUP_H_
#define BULKHEAD_CLI_USER_LOOKUP_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace bulkhead {

struct ContainerUser {
  uint32_t uid = 0;
  uint32_t gid = 0;
  std::vector<uint32_t> additional_gids;
  std::string home = "/";
};

// Finds USER[:GROUP] (names or numbers; empty: 0) in the texts of the image's passwd(5) and
// group(5). As with podman a number need not be listed, a name must be. "+1000" is the number 1000
// even if an image names some user "1000" (as in chown(1)).
absl::StatusOr<ContainerUser> LookUpUser(const std::string& user, const std::string& passwd,
                                         const std::string& group);

}  // namespace bulkhead

#endif  // BULKHEAD_CLI_USER_LOOKUP_H_
