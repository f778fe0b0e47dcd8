// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "cli/manifest/yaml_tree.h"

#include <algorithm>
#include <exception>
#include <set>
#include <sstream>

#include "cli/failure.h"
#include "cli/json.h"
#include "yaml-cpp/anchor.h"
#include "yaml-cpp/eventhandler.h"
#include "yaml-cpp/exceptions.h"
#include "yaml-cpp/parser.h"

namespace bulkhead {
namespace {

// Builds a tree from the parser's events. Ends parsing by an exception, as the parser itself does.
class TreeBuilder final : public YAML::EventHandler {
 public:
  void OnDocumentStart(const YAML::Mark& mark) override {
    // What can begin no value makes yaml-cpp find an empty document there again and again.
    if (mark.pos == last_start_) Refuse(mark, "there is a bracket or comma too many; remove it");
    last_start_ = mark.pos;
    documents_.emplace_back();
  }
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
    bool has_key = false;
    std::set<std::string> keys = {};
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
    if (!open_.back().keys.insert(name).second) {
      Refuse(mark, "'" + Printable(name) + "' is there twice; remove one of them");
    }
    open_.back().node->fields.push_back({name, mark.line + 1, {}});
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
    if (AtKey()) Refuse(mark, "a key is not a word; write it as one");
    if (open_.size() >= kMaxYamlDepth) Refuse(mark, "it is nested too deeply; make it flatter");
    // Only the innermost collection grows, so that those around it stay where they are.
    YamlNode* const node = &Add(mark, kind);
    open_.push_back({.node = node});
  }

  std::vector<YamlNode> documents_;
  std::vector<Level> open_;
  size_t count_ = 0;
  int last_start_ = -1;
};

// Before yaml-cpp sees it: UTF-8 without control characters, so that nothing is taken for UTF-16.
absl::Status CheckText(std::string_view text, const std::string& file) {
  if (text.size() > kMaxYamlBytes) {
    return Failure(Printable(file), ": is larger than ", kMaxYamlBytes >> 10,
                   " KiB; make several files of it");
  }
  int line = 1;
  for (const char c : text) {
    if (c == '\n') ++line;
    if ((static_cast<unsigned char>(c) < ' ' && c != '\n' && c != '\t' && c != '\r') || c == 0x7f) {
      return Failure(Printable(file), ":", line, ": has a control character; remove it");
    }
  }
  try {
    (void)Json(std::string(text)).dump();
  } catch (const Json::exception&) {
    return Failure(Printable(file), ": is not UTF-8; save it as UTF-8");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<YamlNode>> ParseYaml(std::string_view text, const std::string& file) {
  BULKHEAD_RETURN_IF_FAILED(CheckText(text, file));
  std::istringstream in{std::string(text)};
  TreeBuilder builder;
  try {
    YAML::Parser parser(in);
    while (parser.HandleNextDocument(builder)) {
    }
  } catch (const YAML::Exception& error) {
    return Failure(Printable(file), ":", std::max(error.mark.line, 0) + 1, ": ",
                   Printable(error.msg));
  } catch (const std::exception& error) {
    return Failure(Printable(file), ": cannot be read as YAML: ", Printable(error.what()));
  }
  return builder.TakeDocuments();
}

}  // namespace bulkhead
