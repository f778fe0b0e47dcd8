// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_CONTROL_LOG_H_
#define BULKHEAD_CONTROL_LOG_H_

#include <string_view>

namespace bulkhead {

// One line on the machine's log, in pieces if it is long.
void Log(std::string_view text);

}  // namespace bulkhead

#endif  // BULKHEAD_CONTROL_LOG_H_
