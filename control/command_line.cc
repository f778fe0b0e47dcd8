// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "control/command_line.h"

#include <algorithm>

namespace bulkhead {

std::optional<std::string_view> CommandLine::Find(std::string_view name) const {
  std::string_view rest = text_;
  while (!rest.empty()) {
    const std::string_view word = rest.substr(0, rest.find(' '));
    const size_t equals = std::min(word.find('='), word.size());
    if (word.substr(0, equals) == name && !word.empty()) {
      return word.substr(std::min(equals + 1, word.size()));
    }
    rest.remove_prefix(std::min(word.size() + 1, rest.size()));
  }
  return std::nullopt;
}

}  // namespace bulkhead
