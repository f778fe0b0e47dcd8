// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_CLI_UP_OPTIONS_H_
#define BULKHEAD_CLI_UP_OPTIONS_H_

#include <string>

#include "CLI/CLI.hpp"
#include "absl/status/statusor.h"
#include "cli/node_options.h"
#include "cli/options.h"

namespace bulkhead {

// The command line of `bulkhead up`.
class UpOptionParser {
 public:
  // The subcommand, of `app`; it must live until Finish.
  CLI::App* AddTo(CLI::App* app);
  // After parsing.
  absl::StatusOr<UpOptions> Finish();

 private:
  UpOptions up_;
  NodeOptionParser node_;
  std::string memory_;
  int64_t cpus_ = 1;
};

}  // namespace bulkhead

#endif  // BULKHEAD_CLI_UP_OPTIONS_H_
