// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_CLI_INSTALLED_FILES_H_
#define BULKHEAD_CLI_INSTALLED_FILES_H_

#include <string>

#include "absl/status/statusor.h"

namespace bulkhead {

// Finds what was built with this command: below $BULKHEAD_FILES if that is set, else in Bazel's
// runfiles beside the program.
class InstalledFiles {
 public:
  explicit InstalledFiles(const std::string& program);

  // `name`: a path in the repository, "hypervisor/hypervisor_x86_64.elf" (cli/architecture.h).
  absl::StatusOr<std::string> Find(const std::string& name) const;

 private:
  std::string directory_;
};

}  // namespace bulkhead

#endif  // BULKHEAD_CLI_INSTALLED_FILES_H_
