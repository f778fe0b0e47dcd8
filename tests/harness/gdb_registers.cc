// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "tests/harness/gdb_registers.h"

#include <cstddef>
#include <cstdlib>
#include <string_view>

namespace bulkhead {
namespace {

// "" if the tag does not have it.
std::string Attribute(std::string_view tag, std::string_view name) {
  const std::string key = " " + std::string(name) + "=\"";
  const size_t at = tag.find(key);
  if (at == std::string_view::npos) return "";
  tag.remove_prefix(at + key.size());
  return std::string(tag.substr(0, tag.find('"')));
}

}  // namespace

std::map<std::string, unsigned> NumberGdbRegisters(
    const std::function<std::string(const std::string& file)>& read) {
  std::map<std::string, unsigned> numbers;
  unsigned next = 0;
  std::string text = read("target.xml");
  for (size_t at = 0; (at = text.find('<', at)) != std::string::npos;) {
    // There are registers in comments.
    const bool comment = text.compare(at, 4, "<!--") == 0;
    const size_t end = comment ? text.find("-->", at) : text.find('>', at);
    if (end == std::string::npos) break;
    const std::string tag = text.substr(at, end - at);
    at = end + 1;
    if (tag.starts_with("<xi:include ")) {
      text.insert(at, read(Attribute(tag, "href")));
    } else if (tag.starts_with("<reg ")) {
      const std::string number = Attribute(tag, "regnum");
      if (!number.empty()) next = static_cast<unsigned>(std::strtoul(number.c_str(), nullptr, 10));
      numbers.emplace(Attribute(tag, "name"), next++);
    }
  }
  return numbers;
}

}  // namespace bulkhead
