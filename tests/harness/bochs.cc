// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "tests/harness/bochs.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace bulkhead {
namespace {

constexpr int kSerial = 4;

}  // namespace

BochsMachine::BochsMachine(BochsOptions options) : MachineProcess("Bochs") {
  options.serial_descriptor = kSerial;
  absl::StatusOr<std::vector<std::string>> arguments = PrepareBochs(options);
  if (!arguments.ok()) {
    ADD_FAILURE() << arguments.status();
    arguments = std::vector<std::string>{"false"};
  }
  arguments->insert(arguments->begin(), {"env", kBochsEnvironment});
  Start(*arguments, kSerial, options.directory);
}

}  // namespace bulkhead
