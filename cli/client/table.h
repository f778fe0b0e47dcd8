// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_CLI_CLIENT_TABLE_H_
#define BULKHEAD_CLI_CLIENT_TABLE_H_

#include <cstdint>
#include <string>
#include <vector>

namespace bulkhead {

// Rows of equally many cells as lines of aligned columns; the first is the heading.
std::string FormatTable(const std::vector<std::vector<std::string>>& rows);

// As kubectl shows ages: "90s", "3m20s", "45m", "5h10m", "30h", "4d".
std::string FormatAge(uint64_t seconds);

// "1.5 MiB", "640 KiB".
std::string FormatBytes(uint64_t bytes);

}  // namespace bulkhead

#endif  // BULKHEAD_CLI_CLIENT_TABLE_H_
