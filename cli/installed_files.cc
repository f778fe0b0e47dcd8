// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "cli/installed_files.h"

#include <cstdlib>

#include "cli/failure.h"
#include "cli/files.h"

namespace bulkhead {

InstalledFiles::InstalledFiles(const std::string& program) {
  const char* own = std::getenv("BULKHEAD_FILES");
  const char* runfiles = std::getenv("RUNFILES_DIR");
  const std::string beside = program + ".runfiles/bulkhead";
  directory_ = beside;
  if (own != nullptr && *own != '\0') {
    directory_ = own;
  } else if (FileExists(beside)) {
    return;
  } else if (runfiles != nullptr) {
    directory_ = std::string(runfiles) + "/bulkhead";
  } else if (const size_t at = program.find(".runfiles/bulkhead/"); at != std::string::npos) {
    directory_ = program.substr(0, at) + ".runfiles/bulkhead";  // a data dependency of a test
  }
}

absl::StatusOr<std::string> InstalledFiles::Find(const std::string& name) const {
  const std::string path = directory_ + "/" + name;
  if (FileExists(path)) return path;
  return Failure("Bulkhead is not completely built: ", path,
                 " is missing; build it with 'bazel build //cli:bulkhead', or have BULKHEAD_FILES "
                 "name the directory with it");
}

}  // namespace bulkhead
