// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_CONTROL_COMMAND_LINE_H_
#define BULKHEAD_CONTROL_COMMAND_LINE_H_

#include <optional>
#include <string_view>

namespace bulkhead {

// The words of the hypervisor's command line, `name` or `name=value`, with spaces between them.
class CommandLine {
 public:
  explicit CommandLine(std::string_view text) : text_(text) {}

  // The value of the first word with this name, empty if it has none. Nothing: there is no such
  // word.
  std::optional<std::string_view> Find(std::string_view name) const;

 private:
  std::string_view text_;
};

}  // namespace bulkhead

#endif  // BULKHEAD_CONTROL_COMMAND_LINE_H_
