// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "cli/run_request.h"

#include <optional>

#include "cli/failure.h"
#include "cli/json.h"

namespace bulkhead {
namespace {

// podman's --entrypoint: a JSON array of words, else one word; empty: none.
absl::StatusOr<std::vector<std::string>> EntrypointWords(const std::string& text) {
  if (text.empty()) return std::vector<std::string>();
  const std::optional<Json> list = text[0] == '[' ? ParseJson(text) : std::nullopt;
  if (!list.has_value() || !list->is_array()) return std::vector<std::string>{text};
  std::vector<std::string> words;
  for (const Json& word : *list) {
    if (!word.is_string()) {
      return Failure("--entrypoint ", Printable(text),
                     " is not a list of words; write it as '[\"command\", \"word\"]'");
    }
    words.push_back(word.get<std::string>());
  }
  return words;
}

}  // namespace

absl::StatusOr<PodRequest> MakePodRequest(const RunOptions& options) {
  PodRequest pod;
  pod.name = options.name;
  pod.hostname = options.hostname;
  pod.memory = options.memory;
  pod.cpu_limit = options.cpu_limit;
  ContainerRequest& container = pod.containers.emplace_back();
  container.has_stdin = true;
  container.name = options.name;
  container.image = options.image;
  container.pull = options.pull;
  if (options.entrypoint.has_value()) {
    BULKHEAD_ASSIGN_OR_RETURN(container.entrypoint, EntrypointWords(*options.entrypoint));
  }
  if (!options.command.empty()) container.command = options.command;
  container.env = options.env;
  container.workdir = options.workdir;
  container.user = options.user;
  return pod;
}

}  // namespace bulkhead
