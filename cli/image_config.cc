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
                                                            const ContainerRequest& request) {
  const std::vector<std::string> none;
  std::vector<std::string> words = request.entrypoint.value_or(image.entrypoint);
  const std::vector<std::string>& rest =
      request.command.value_or(request.entrypoint.has_value() ? none : image.command);
  words.insert(words.end(), rest.begin(), rest.end());
  if (words.empty()) {
    return Failure("image ", Printable(request.image),
                   " has neither entrypoint nor command; name a command after the image");
  }
  if (words[0].empty()) return Failure("the command's name is empty; name a command");
  return words;
}

std::vector<std::string> ContainerEnvironment(const ImageConfig& image,
                                              const ContainerRequest& request,
                                              const std::string& hostname,
                                              const std::string& home) {
  std::vector<std::string> env = {kDefaultPath, "TERM=xterm", "container=podman",
                                  "HOSTNAME=" + hostname};
  for (const std::string& variable : image.env) SetVariable(&env, variable);
  for (const std::string& variable : request.env) {
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
