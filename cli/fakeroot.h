// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_CLI_FAKEROOT_H_
#define BULKHEAD_CLI_FAKEROOT_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/subprocess.h"

namespace bulkhead {

// A fakeroot session: programs started with its environment believe that they are root, and owners,
// device nodes and extended attributes that they set are remembered by its daemon. The daemon is
// our child (the fakeroot script's would outlive us if we were killed) and ends with this object.
class FakeRoot {
 public:
  static absl::StatusOr<FakeRoot> Start();
  FakeRoot(FakeRoot&&) noexcept = default;
  ~FakeRoot();

  const std::vector<std::string>& environment() const { return environment_; }

 private:
  FakeRoot(ChildProcess daemon, std::vector<std::string> environment)
      : daemon_(std::move(daemon)), environment_(std::move(environment)) {}

  ChildProcess daemon_;
  std::vector<std::string> environment_;
};

}  // namespace bulkhead

#endif  // BULKHEAD_CLI_FAKEROOT_H_
