// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "cli/manifest/expansion.h"

#include <algorithm>

namespace bulkhead {

std::optional<std::string> ExpandVariables(const std::string& text,
                                           const std::map<std::string, std::string>& variables) {
  std::string out;
  size_t at = 0;
  bool open = true;  // a ')' may still come
  while (at < text.size()) {
    const size_t dollar = std::min(text.find('$', at), text.size());
    out.append(text, at, dollar - at);
    at = dollar;
    const char next = at + 1 < text.size() ? text[at + 1] : '\0';
    const size_t end = open && next == '(' ? text.find(')', at) : std::string::npos;
    if (next == '$') {
      out += '$';
      at += 2;
    } else if (end != std::string::npos) {
      const auto found = variables.find(text.substr(at + 2, end - at - 2));
      out += found == variables.end() ? text.substr(at, end + 1 - at) : found->second;
      at = end + 1;
    } else if (at < text.size()) {
      if (next == '(') open = false;
      out += '$';
      ++at;
    }
    if (out.size() > kMaxWordBytes) return std::nullopt;
  }
  return out;
}

}  // namespace bulkhead
