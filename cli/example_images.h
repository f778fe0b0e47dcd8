// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_CLI_EXAMPLE_IMAGES_H_
#define BULKHEAD_CLI_EXAMPLE_IMAGES_H_

#include <string>

#include "absl/status/statusor.h"
#include "cli/architecture.h"

namespace bulkhead {

// Makes the sample image `name` from Debian packages that are there already (GuestPrograms), so
// that it works where no registry can be reached: an OCI layout directory below `cache_root`, its
// path is returned.
absl::StatusOr<std::string> MaterializeExample(const std::string& name, Architecture arch,
                                               const std::string& cache_root);

}  // namespace bulkhead

#endif  // BULKHEAD_CLI_EXAMPLE_IMAGES_H_
