// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_CLI_MANIFEST_FIELDS_H_
#define BULKHEAD_CLI_MANIFEST_FIELDS_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "cli/failure.h"
#include "cli/manifest/yaml_tree.h"

namespace bulkhead {

// What is wrong with a file: the first thing only.
class FileErrors {
 public:
  explicit FileErrors(std::string file) : file_(std::move(file)) {}

  template <typename... Args>
  void Add(int line, const Args&... args) {
    if (status_.ok()) status_ = Failure(Printable(file_), ":", line, ": ", args...);
  }
  const absl::Status& status() const { return status_; }

 private:
  const std::string file_;
  absl::Status status_;
};

// A mapping, read field by field. Null counts as absent. Whatever is wrong goes to the errors, and
// the value is then as if it were absent.
class Fields {
 public:
  // `node`: null: there is none, and no field.
  Fields(const YamlNode* node, std::string path, FileErrors* errors);

  const YamlField* Take(std::string_view name);
  std::optional<std::string> String(std::string_view name);
  std::optional<bool> Bool(std::string_view name);
  std::optional<uint64_t> Integer(std::string_view name, uint64_t max);
  std::optional<uint64_t> Quantity(std::string_view name, uint32_t scale);  // see ParseQuantity
  std::optional<std::vector<std::string>> Strings(std::string_view name);
  // The elements of a list; their paths are Path(name, i).
  std::span<const YamlNode> List(std::string_view name);
  // A mapping in this one.
  Fields Object(std::string_view name);

  // Whatever has not been taken is refused: as not supported, if it is one of `known` and has
  // something in it, as unknown otherwise.
  void RefuseOthers(std::span<const std::string_view> known);

  std::string Path(std::string_view name) const;
  std::string Path(std::string_view name, size_t index) const;
  // Of the field if it is there, else of the mapping.
  int Line(std::string_view name) const;
  template <typename... Args>
  void Error(std::string_view name, const Args&... args) {
    errors_->Add(Line(name), Path(name), args...);
  }
  FileErrors* errors() const { return errors_; }

 private:
  const YamlField* Find(std::string_view name) const;
  std::optional<std::string> Text(const YamlNode& node, const std::string& path);

  const YamlNode* const node_;
  const std::string path_;
  FileErrors* const errors_;
  std::vector<std::string_view> taken_;
};

}  // namespace bulkhead

#endif  // BULKHEAD_CLI_MANIFEST_FIELDS_H_
