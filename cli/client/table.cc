// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "cli/client/table.h"

#include <algorithm>
#include <cstdio>

namespace bulkhead {
namespace {

constexpr size_t kGap = 2;  // columns
constexpr uint64_t kMinute = 60;
constexpr uint64_t kHour = 60 * kMinute;
constexpr uint64_t kDay = 24 * kHour;

// "3m20s", or "3m" when nothing is left.
std::string Two(uint64_t value, uint64_t unit, char name, uint64_t small_unit, char small_name) {
  std::string out = std::to_string(value / unit) + name;
  if (const uint64_t rest = value % unit / small_unit; rest > 0) {
    out += std::to_string(rest) + small_name;
  }
  return out;
}

}  // namespace

std::string FormatTable(const std::vector<std::vector<std::string>>& rows) {
  std::vector<size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string out;
  for (const auto& row : rows) {
    for (size_t i = 0; i < row.size(); ++i) {
      out += row[i];
      if (i + 1 < row.size()) out.append(widths[i] - row[i].size() + kGap, ' ');
    }
    out += '\n';
  }
  return out;
}

std::string FormatAge(uint64_t seconds) {
  if (seconds < 2 * kMinute) return std::to_string(seconds) + "s";
  if (seconds < 10 * kMinute) return Two(seconds, kMinute, 'm', 1, 's');
  if (seconds < 3 * kHour) return std::to_string(seconds / kMinute) + "m";
  if (seconds < 8 * kHour) return Two(seconds, kHour, 'h', kMinute, 'm');
  if (seconds < 2 * kDay) return std::to_string(seconds / kHour) + "h";
  return std::to_string(seconds / kDay) + "d";
}

std::string FormatBytes(uint64_t bytes) {
  constexpr uint64_t kKiB = 1024;
  constexpr uint64_t kMiB = 1024 * kKiB;
  if (bytes < kMiB) return std::to_string(bytes / kKiB) + " KiB";
  char text[40];
  std::snprintf(text, sizeof(text), "%.1f MiB",
                static_cast<double>(bytes) / static_cast<double>(kMiB));
  return text;
}

}  // namespace bulkhead
