// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_CLI_NODE_OPTIONS_H_
#define BULKHEAD_CLI_NODE_OPTIONS_H_

#include <string>

#include "CLI/CLI.hpp"
#include "absl/status/status.h"
#include "cli/options.h"

namespace bulkhead {

// The options of a command that boots a node, whatever runs on it.
class NodeOptionParser {
 public:
  // Adds them to `command`, which fills `options`; both must live until Finish.
  void AddTo(CLI::App* command, NodeOptions* options);
  // After parsing: checks what was given.
  absl::Status Finish();

 private:
  absl::Status CheckBochs() const;

  NodeOptions* options_ = nullptr;
  CLI::Option* firmware_option_ = nullptr;
  std::string arch_;
  std::string machine_ = "qemu";
  std::string firmware_ = "direct";
};

// CLI11's own words, with the advice that is ours. `command`: whose; empty: of the program.
absl::Status UsageFailure(const std::string& what, const std::string& command);

}  // namespace bulkhead

#endif  // BULKHEAD_CLI_NODE_OPTIONS_H_
