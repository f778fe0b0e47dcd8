// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_TESTS_HARNESS_BOCHS_H_
#define BULKHEAD_TESTS_HARNESS_BOCHS_H_

#include "cli/bochs.h"
#include "tests/harness/machine_process.h"

namespace bulkhead {

// A PC in Bochs, which boots the CD in options.directory. What its first UART says is the harness'.
// Judge it by that: Bochs has the same exit status for every end.
class BochsMachine : public MachineProcess {
 public:
  explicit BochsMachine(BochsOptions options);
};

}  // namespace bulkhead

#endif  // BULKHEAD_TESTS_HARNESS_BOCHS_H_
