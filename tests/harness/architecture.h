// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_TESTS_HARNESS_ARCHITECTURE_H_
#define BULKHEAD_TESTS_HARNESS_ARCHITECTURE_H_

// The machines that tests run on, for tests that are written once:
//
//   class Boot : public testing::TestWithParam<Architecture> {};
//   TEST_P(Boot, Works) { QemuMachine machine({.architecture = GetParam(), ...}); ... }
//   INSTANTIATE_TEST_SUITE_P(, Boot, testing::ValuesIn(kArchitectures),
//   testing::PrintToStringParamName());

#include <ostream>
#include <string>

#include "cli/architecture.h"

namespace bulkhead {

inline constexpr Architecture kArchitectures[] = {Architecture::kX86_64, Architecture::kAarch64};

// As in the names of build targets and their files.
inline std::string NameOf(Architecture architecture) { return Facts(architecture).name; }

inline void PrintTo(Architecture architecture, std::ostream* out) { *out << NameOf(architecture); }

}  // namespace bulkhead

#endif  // BULKHEAD_TESTS_HARNESS_ARCHITECTURE_H_
