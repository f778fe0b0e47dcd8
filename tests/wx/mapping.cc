// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "tests/wx/mapping.h"

#include <cinttypes>
#include <cstdio>

namespace bulkhead {
namespace {

std::string HexText(uint64_t value) {
  char text[32];
  std::snprintf(text, sizeof(text), "0x%" PRIx64, value);
  return text;
}

// The hypervisor may use user memory, but not run it, and user mode has nothing of its memory.
bool OnTheWrongSide(const Mapping& mapping) {
  const Rights& rights = mapping.rights;
  return mapping.upper_half() ? rights.user || rights.user_execute
                              : !rights.user || rights.hypervisor_execute;
}

}  // namespace

std::string ToString(const Mapping& mapping) {
  const Rights& rights = mapping.rights;
  std::string text = HexText(mapping.address) + " + " + HexText(mapping.length) + " -> " +
                     HexText(mapping.physical) + " r" + (rights.write ? "w" : "-") +
                     (rights.execute() ? "x" : "-") + (rights.user ? " user" : " hypervisor");
  if (rights.user && rights.hypervisor_execute) text += ", executed by the hypervisor";
  return text;
}

std::vector<std::string> FindBadMappings(const std::vector<Mapping>& mappings) {
  std::vector<std::string> out;
  for (const Mapping& mapping : mappings) {
    if (mapping.rights.write && mapping.rights.execute()) {
      out.push_back("writable and executable: " + ToString(mapping));
    }
    if (OnTheWrongSide(mapping)) out.push_back("on the wrong side: " + ToString(mapping));
  }
  return out;
}

std::vector<std::string> FindWritableAliases(const std::vector<Mapping>& executable,
                                             const std::vector<Mapping>& mappings) {
  std::vector<std::string> out;
  for (const Mapping& text : executable) {
    if (!text.rights.execute()) continue;
    for (const Mapping& mapping : mappings) {
      if (mapping.rights.write && mapping.physical < text.physical + text.length &&
          text.physical < mapping.physical + mapping.length) {
        out.push_back("text " + ToString(text) + " can be written through " + ToString(mapping));
      }
    }
  }
  return out;
}

}  // namespace bulkhead
