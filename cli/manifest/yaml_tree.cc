// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "cli/manifest/yaml_tree.h"

#include <algorithm>
#include <sstream>

#include "cli/failure.h"
#include "yaml-cpp/anchor.h"
#include "yaml-cpp/eventhandler.h"
#include "yaml-cpp/exceptions.h"
#include "yaml-cpp/parser.h"

namespace bulkhead {
namespace {

// Builds a tree from the parser's events. Ends parsing by an exception, as the parser itself does.
class TreeBuilder final : public YAML::EventHandler {
 public:
  void OnDocumentStart(const YAML::Mark&) override { documents_.emplace_back(); }
  void OnDocumentEnd() override {
    if (documents_.back().kind == YamlNode::Kind::kNull) documents_.pop_back();
  }
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    Check(mark, "", anchor);
    Add(mark, YamlNode::Kind::kNull);
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override { Check(mark, "", 1); }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    Check(mark, tag, anchor);
    if (AtKey()) return AddKey(mark, value);
    YamlNode& node = Add(mark, YamlNode::Kind::kScalar);
    node.text = value;
    node.plain = tag == "?";
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    Check(mark, tag, anchor);
    Open(mark, YamlNode::Kind::kSequence);
  }
  void OnSequenceEnd() override { open_.pop_back(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    Check(mark, tag, anchor);
    Open(mark, YamlNode::Kind::kMapping);
  }
  void OnMapEnd() override { open_.pop_back(); }

  std::vector<YamlNode> TakeDocuments() { return std::move(documents_); }

 private:
  // A collection that is not complete. Where it is in memory may change until it is.
  struct Level {
    YamlNode* node;
    bool has_key;
  };

  [[noreturn]] static void Refuse(const YAML::Mark& mark, const std::string& what) {
    throw YAML::ParserException(mark, what);
  }
  static void Check(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor) {
    if (anchor != 0) Refuse(mark, "anchors and aliases are not supported; write the value again");
    if (!tag.empty() && tag != "?" && tag != "!") Refuse(mark, "tags are not supported; remove it");
  }
  bool AtKey() const {
    return !open_.empty() && open_.back().node->is_mapping() && !open_.back().has_key;
  }
  void AddKey(const YAML::Mark& mark, const std::string& name) {
    std::vector<YamlField>& fields = open_.back().node->fields;
    const auto same = [&](const YamlField& field) { return field.name == name; };
    if (std::any_of(fields.begin(), fields.end(), same)) {
      Refuse(mark, "'" + Printable(name) + "' is there twice; remove one of them");
    }
    fields.push_back({name, mark.line + 1, {}});
    open_.back().has_key = true;
  }
  YamlNode& Add(const YAML::Mark& mark, YamlNode::Kind kind) {
    if (++count_ > kMaxYamlNodes) Refuse(mark, "there is too much in it; make several files of it");
    YamlNode* node = &documents_.back();
    if (!open_.empty()) {
      Level& level = open_.back();
      if (level.node->is_sequence()) {
        node = &level.node->items.emplace_back();
      } else if (level.has_key) {
        node = &level.node->fields.back().value;
        level.has_key = false;
      } else {
        Refuse(mark, "a key is not a word; write it as one");
      }
    }
    node->kind = kind;
    node->line = mark.line + 1;
    return *node;
  }
  void Open(const YAML::Mark& mark, YamlNode::Kind kind) {
    if (open_.size() >= kMaxYamlDepth) Refuse(mark, "it is nested too deeply; make it flatter");
    // Only the innermost collection grows, so that those around it stay where they are.
    open_.push_back({&Add(mark, kind), false});
  }

  std::vector<YamlNode> documents_;
  std::vector<Level> open_;
  size_t count_ = 0;
};

}  // namespace

absl::StatusOr<std::vector<YamlNode>> ParseYaml(std::string_view text, const std::string& file) {
  std::istringstream in{std::string(text)};
  TreeBuilder builder;
  try {
    YAML::Parser parser(in);
    while (parser.HandleNextDocument(builder)) {
    }
  } catch (const YAML::Exception& error) {
    return Failure(Printable(file), ":", error.mark.line + 1, ": ", Printable(error.msg));
  }
  return builder.TakeDocuments();
}

}  // namespace bulkhead
