// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "cli/manifest/fields.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "cli/manifest/quantity.h"

namespace bulkhead {
namespace {

const char* KindName(const YamlNode& node) {
  switch (node.kind) {
    case YamlNode::Kind::kNull:
      return "nothing";
    case YamlNode::Kind::kScalar:
      return node.plain ? "a word without quotes" : "text";
    case YamlNode::Kind::kSequence:
      return "a list";
    case YamlNode::Kind::kMapping:
      return "a mapping";
  }
  return "something else";
}

// What YAML reads as something else than text, if it has no quotes: Kubernetes refuses it as text.
bool LooksLikeOther(const std::string& text) {
  // YAML 1.1's booleans, which Kubernetes' parser knows.
  for (const char* const word : {"true", "false", "yes", "no", "on", "off", "y", "n"}) {
    if (absl::EqualsIgnoreCase(text, word)) return true;
  }
  double number;
  return absl::SimpleAtod(text, &number);
}

}  // namespace

Fields::Fields(const YamlNode* node, std::string path, FileErrors* errors)
    : node_(node), path_(std::move(path)), errors_(errors) {
  if (node != nullptr && !node->is_mapping() && node->kind != YamlNode::Kind::kNull) {
    errors->Add(node->line, path_.empty() ? "the document" : path_, " is ", KindName(*node),
                ", not a mapping; give it fields");
  }
}

const YamlField* Fields::Find(std::string_view name) const {
  if (node_ == nullptr) return nullptr;
  const auto found = std::find_if(node_->fields.begin(), node_->fields.end(),
                                  [name](const YamlField& field) { return field.name == name; });
  return found == node_->fields.end() ? nullptr : &*found;
}

const YamlField* Fields::Take(std::string_view name) {
  taken_.push_back(name);
  const YamlField* const field = Find(name);
  return field == nullptr || field->value.kind == YamlNode::Kind::kNull ? nullptr : field;
}

std::optional<std::string> Fields::Text(const YamlNode& node, const std::string& path) {
  if (!node.is_scalar()) {
    errors_->Add(node.line, path, " is ", KindName(node), ", not text; write text");
    return std::nullopt;
  }
  if (node.plain && LooksLikeOther(node.text)) {
    errors_->Add(node.line, path, " is ", Printable(node.text),
                 ", which is not text; put it in quotes");
    return std::nullopt;
  }
  if (node.text.find('\0') != std::string::npos) {
    errors_->Add(node.line, path, " has a NUL character; remove it");
    return std::nullopt;
  }
  return node.text;
}

std::optional<std::string> Fields::String(std::string_view name) {
  const YamlField* const field = Take(name);
  return field != nullptr ? Text(field->value, Path(name)) : std::nullopt;
}

std::optional<bool> Fields::Bool(std::string_view name) {
  const YamlField* const field = Take(name);
  if (field == nullptr) return std::nullopt;
  const YamlNode& value = field->value;
  if (value.is_scalar() && value.plain && (value.text == "true" || value.text == "false")) {
    return value.text == "true";
  }
  Error(name, " is ", value.is_scalar() ? Printable(value.text) : KindName(value),
        "; write true or false");
  return std::nullopt;
}

std::optional<uint64_t> Fields::Integer(std::string_view name, uint64_t max) {
  const YamlField* const field = Take(name);
  if (field == nullptr) return std::nullopt;
  const YamlNode& value = field->value;
  uint64_t number;
  if (value.is_scalar() && value.plain && absl::SimpleAtoi(value.text, &number) && number <= max) {
    return number;
  }
  Error(name, " is ", value.is_scalar() ? Printable(value.text) : KindName(value),
        "; write a number from 0 to ", max);
  return std::nullopt;
}

std::optional<uint64_t> Fields::Quantity(std::string_view name, uint32_t scale) {
  const YamlField* const field = Take(name);
  if (field == nullptr) return std::nullopt;
  const YamlNode& value = field->value;
  if (value.is_scalar()) {
    if (const std::optional<uint64_t> number = ParseQuantity(value.text, scale)) return number;
  }
  Error(name, " is ", value.is_scalar() ? Printable(value.text) : KindName(value),
        "; write a quantity, like 500m for CPU or 128Mi for memory");
  return std::nullopt;
}

std::optional<std::vector<std::string>> Fields::Strings(std::string_view name) {
  const YamlField* const field = Take(name);
  if (field == nullptr) return std::nullopt;
  if (!field->value.is_sequence()) {
    Error(name, " is ", KindName(field->value), ", not a list; write a list of words");
    return std::nullopt;
  }
  std::vector<std::string> out;
  for (const YamlNode& item : field->value.items) {
    out.push_back(Text(item, Path(name, out.size())).value_or(""));
  }
  return out;
}

std::span<const YamlNode> Fields::List(std::string_view name) {
  const YamlField* const field = Take(name);
  if (field == nullptr) return {};
  if (!field->value.is_sequence()) {
    Error(name, " is ", KindName(field->value), ", not a list; begin each element with '- '");
  }
  return field->value.items;
}

Fields Fields::Object(std::string_view name) {
  const YamlField* const field = Take(name);
  return {field != nullptr ? &field->value : nullptr, Path(name), errors_};
}

void Fields::RefuseOthers(std::span<const std::string_view> known) {
  if (node_ == nullptr) return;
  for (const YamlField& field : node_->fields) {
    const auto is_it = [&](std::string_view name) { return name == field.name; };
    if (std::any_of(taken_.begin(), taken_.end(), is_it)) continue;
    const std::string path = Path(Printable(field.name, 100));
    if (!std::any_of(known.begin(), known.end(), is_it)) {
      errors_->Add(field.line, path,
                   " is not a field that Kubernetes has there; check its spelling");
    } else if (!field.value.empty()) {
      errors_->Add(field.line, path, " is not supported; remove it");
    }
  }
}

std::string Fields::Path(std::string_view name) const {
  return path_.empty() ? std::string(name) : path_ + "." + std::string(name);
}

std::string Fields::Path(std::string_view name, size_t index) const {
  return Path(name) + "[" + std::to_string(index) + "]";
}

int Fields::Line(std::string_view name) const {
  if (const YamlField* const field = Find(name); field != nullptr) return field->line;
  return node_ != nullptr ? node_->line : 1;
}

}  // namespace bulkhead
