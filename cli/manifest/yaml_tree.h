// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_CLI_MANIFEST_YAML_TREE_H_
#define BULKHEAD_CLI_MANIFEST_YAML_TREE_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace bulkhead {

struct YamlField;

// A YAML value and where it is. Plain data: anchors, aliases and tags are refused, so a document is
// as large in memory as it looks.
struct YamlNode {
  enum class Kind { kNull, kScalar, kSequence, kMapping };

  Kind kind = Kind::kNull;
  int line = 1;
  std::string text;    // of a scalar
  bool plain = false;  // a scalar without quotes: "1" is a number, "'1'" a string
  std::vector<YamlNode> items;
  std::vector<YamlField> fields;  // in order, no name twice

  bool is_mapping() const { return kind == Kind::kMapping; }
  bool is_sequence() const { return kind == Kind::kSequence; }
  bool is_scalar() const { return kind == Kind::kScalar; }
  // Nothing is in it: null, {}, [].
  bool empty() const { return !is_scalar() && items.empty() && fields.empty(); }
};

struct YamlField {
  std::string name;
  int line = 1;
  YamlNode value;
};

inline constexpr size_t kMaxYamlBytes = size_t{1} << 20;
inline constexpr size_t kMaxYamlDepth = 32;
inline constexpr size_t kMaxYamlNodes = 200'000;

// The documents of `text`, without those that are empty. `file`: for messages.
absl::StatusOr<std::vector<YamlNode>> ParseYaml(std::string_view text, const std::string& file);

}  // namespace bulkhead

#endif  // BULKHEAD_CLI_MANIFEST_YAML_TREE_H_
