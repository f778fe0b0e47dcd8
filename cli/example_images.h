// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_CLI_EXAMPLE_IMAGES_H_
#define BULKHEAD_CLI_EXAMPLE_IMAGES_H_

#include <string>

#include "absl/status/statusor.h"

namespace bulkhead {

// Makes the sample image `name` from this machine's Debian packages, so that it works where no
// registry can be reached: an OCI layout directory below `cache_root`, its path is returned.
absl::StatusOr<std::string> MaterializeExample(const std::string& name, const std::string& arch,
                                               const std::string& cache_root);

}  // namespace bulkhead

#endif  // BULKHEAD_CLI_EXAMPLE_IMAGES_H_
