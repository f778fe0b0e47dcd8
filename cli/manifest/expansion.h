// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_CLI_MANIFEST_EXPANSION_H_
#define BULKHEAD_CLI_MANIFEST_EXPANSION_H_

#include <cstddef>
#include <map>
#include <optional>
#include <string>

namespace bulkhead {

// What Linux takes as one word of a command or of an environment, without its zero byte
// (MAX_ARG_STRLEN), and what all words of a container may come to.
inline constexpr size_t kMaxWordBytes = 131071;
inline constexpr size_t kMaxWordsBytes = size_t{1} << 20;

// Kubernetes' expansion of commands, arguments and variables: $(NAME) becomes the variable's value,
// "$$" becomes "$", all else stays, $(NAME) of an unknown variable, too. None: longer than
// kMaxWordBytes.
std::optional<std::string> ExpandVariables(const std::string& text,
                                           const std::map<std::string, std::string>& variables);

}  // namespace bulkhead

#endif  // BULKHEAD_CLI_MANIFEST_EXPANSION_H_
