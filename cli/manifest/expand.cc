// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "cli/manifest/expand.h"

#include <algorithm>

namespace bulkhead {
namespace {

const std::string* FindVariable(const std::string& name, const std::vector<std::string>& env) {
  const std::string start = name + "=";
  const auto found = std::find_if(env.rbegin(), env.rend(), [&](const std::string& variable) {
    return variable.starts_with(start);
  });
  return found == env.rend() ? nullptr : &*found;
}

}  // namespace

std::string ExpandReferences(const std::string& text, const std::vector<std::string>& env) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    const size_t end = text[i] == '$' && text[i + 1] == '(' ? text.find(')', i) : std::string::npos;
    if (end != std::string::npos) {
      const std::string name = text.substr(i + 2, end - i - 2);
      const std::string* const variable = FindVariable(name, env);
      out += variable != nullptr ? variable->substr(name.size() + 1) : text.substr(i, end + 1 - i);
      i = end;
      continue;
    }
    if (text[i] == '$' && text[i + 1] == '$') ++i;
    out += text[i];
  }
  return out;
}

}  // namespace bulkhead
