// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "cli/image_config.h"

#include <cstdlib>
#include <optional>

#include "cli/failure.h"
#include "cli/json.h"

namespace bulkhead {
namespace {

constexpr char kDefaultPath[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

void SetVariable(std::vector<std::string>* env, const std::string& variable) {
  const std::string name = variable.substr(0, variable.find('=')) + "=";
  for (std::string& one : *env) {
    if (one.rfind(name, 0) == 0) {
      one = variable;
      return;
    }
  }
  env->push_back(variable);
}

bool HasVariable(const std::vector<std::string>& env, const std::string& name) {
  for (const std::string& one : env) {
    if (one.rfind(name + "=", 0) == 0) return true;
  }
  return false;
}

}  // namespace

absl::StatusOr<ImageConfig> ParseImageConfig(const std::string& json) {
  const std::optional<Json> document = ParseJson(json);
  if (!document.has_value() || !document->is_object()) {
    return Failure("the image's configuration is not JSON; build the image again");
  }
  const Json& config = Member(*document, "config");
  ImageConfig out;
  out.entrypoint = StringsMember(config, "Entrypoint");
  out.command = StringsMember(config, "Cmd");
  for (const std::string& variable : StringsMember(config, "Env")) {
    if (variable.find('=') != std::string::npos && variable[0] != '=') out.env.push_back(variable);
  }
  out.workdir = StringMember(config, "WorkingDir");
  out.user = StringMember(config, "User");
  return out;
}

absl::StatusOr<std::vector<std::string>> ContainerArguments(const ImageConfig& image,
                                                            const RunOptions& options) {
  std::vector<std::string> words = image.entrypoint;
  std::vector<std::string> rest = options.command.empty() ? image.command : options.command;
  if (options.entrypoint.has_value()) {
    const std::string& text = *options.entrypoint;
    words.clear();
    if (!text.empty()) {
      const std::optional<Json> list = text[0] == '[' ? ParseJson(text) : std::nullopt;
      if (list.has_value() && list->is_array()) {
        for (const Json& word : *list) {
          if (!word.is_string()) {
            return Failure("--entrypoint ", Printable(text),
                           " is not a list of words; write it as '[\"command\", \"word\"]'");
          }
          words.push_back(word.get<std::string>());
        }
      } else {
        words.push_back(text);
      }
    }
    rest = options.command;
  }
  words.insert(words.end(), rest.begin(), rest.end());
  if (words.empty()) {
    return Failure("image ", Printable(options.image),
                   " has neither entrypoint nor command; name a command after the image");
  }
  if (words[0].empty()) return Failure("the command's name is empty; name a command");
  return words;
}

std::vector<std::string> ContainerEnvironment(const ImageConfig& image, const RunOptions& options,
                                              const std::string& home) {
  std::vector<std::string> env = {kDefaultPath, "TERM=xterm", "container=podman",
                                  "HOSTNAME=" + options.hostname};
  for (const std::string& variable : image.env) SetVariable(&env, variable);
  for (const std::string& variable : options.env) {
    if (variable.find('=') != std::string::npos) {
      SetVariable(&env, variable);
    } else if (const char* value = std::getenv(variable.c_str()); value != nullptr) {
      SetVariable(&env, variable + "=" + value);
    }
  }
  if (!HasVariable(env, "HOME")) env.push_back("HOME=" + home);
  return env;
}

}  // namespace bulkhead
