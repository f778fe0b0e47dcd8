// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_CLI_JSON_H_
#define BULKHEAD_CLI_JSON_H_

// Reading of JSON that others wrote: members of the wrong kind are as good as absent.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "nlohmann/json.hpp"

namespace bulkhead {

using Json = nlohmann::json;

inline std::optional<Json> ParseJson(const std::string& text) {
  Json value = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (value.is_discarded()) return std::nullopt;
  return value;
}

// The member, or a null value.
inline const Json& Member(const Json& object, const char* name) {
  static const Json* const kNull = new Json();
  if (!object.is_object()) return *kNull;
  const auto found = object.find(name);
  return found == object.end() ? *kNull : *found;
}

inline std::string StringMember(const Json& object, const char* name) {
  const Json& value = Member(object, name);
  return value.is_string() ? value.get<std::string>() : "";
}

inline std::optional<uint64_t> NumberMember(const Json& object, const char* name) {
  const Json& value = Member(object, name);
  if (!value.is_number_unsigned()) return std::nullopt;
  return value.get<uint64_t>();
}

inline std::vector<std::string> StringsMember(const Json& object, const char* name) {
  std::vector<std::string> out;
  const Json& value = Member(object, name);
  if (!value.is_array()) return out;
  for (const Json& item : value) {
    if (item.is_string()) out.push_back(item.get<std::string>());
  }
  return out;
}

}  // namespace bulkhead

#endif  // BULKHEAD_CLI_JSON_H_
