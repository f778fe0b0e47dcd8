// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "cli/seccomp.h"

#include <algorithm>
#include <optional>

#include "cli/failure.h"

namespace bulkhead {
namespace {

// linux/seccomp.h's architectures, by Go's names.
std::string NativeArchitecture(const std::string& arch) {
  if (arch == "amd64") return "SCMP_ARCH_X86_64";
  if (arch == "arm64") return "SCMP_ARCH_AARCH64";
  return "";
}

bool Contains(const std::vector<std::string>& list, const std::string& word) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

// Conditions: architectures are alternatives; capabilities are all needed to include, and any one
// of them excludes.
bool Applies(const Json& rule, const std::string& arch, const std::vector<std::string>& caps) {
  const Json& includes = Member(rule, "includes");
  const std::vector<std::string> arches = StringsMember(includes, "arches");
  if (!arches.empty() && !Contains(arches, arch)) return false;
  for (const std::string& cap : StringsMember(includes, "caps")) {
    if (!Contains(caps, cap)) return false;
  }
  const Json& excludes = Member(rule, "excludes");
  if (Contains(StringsMember(excludes, "arches"), arch)) return false;
  for (const std::string& cap : StringsMember(excludes, "caps")) {
    if (Contains(caps, cap)) return false;
  }
  return true;
}

}  // namespace

absl::StatusOr<Json> MakeSeccomp(const std::string& profile, const std::string& arch,
                                 const std::vector<std::string>& capabilities) {
  const std::optional<Json> document = ParseJson(profile);
  const std::string native = NativeArchitecture(arch);
  if (!document.has_value() || !Member(*document, "syscalls").is_array() || native.empty()) {
    return Failure("the seccomp profile ", kSeccompProfile,
                   " cannot be used; reinstall the package golang-github-containers-common");
  }
  Json out = {{"defaultAction", StringMember(*document, "defaultAction")},
              {"architectures", Json::array({native})}};
  if (const auto error = NumberMember(*document, "defaultErrnoRet"); error.has_value()) {
    out["defaultErrnoRet"] = *error;
  }
  const Json& map = Member(*document, "archMap");
  if (map.is_array()) {
    for (const Json& entry : map) {
      if (StringMember(entry, "architecture") != native) continue;
      for (const std::string& sub : StringsMember(entry, "subArchitectures")) {
        out["architectures"].push_back(sub);
      }
    }
  }
  Json rules = Json::array();
  for (const Json& rule : Member(*document, "syscalls")) {
    if (!Applies(rule, arch, capabilities)) continue;
    std::vector<std::string> names = StringsMember(rule, "names");
    if (const std::string name = StringMember(rule, "name"); !name.empty()) names.push_back(name);
    if (names.empty()) continue;
    Json made = {{"names", names}, {"action", StringMember(rule, "action")}};
    if (const auto error = NumberMember(rule, "errnoRet"); error.has_value()) {
      made["errnoRet"] = *error;
    }
    const Json& args = Member(rule, "args");
    if (args.is_array() && !args.empty()) made["args"] = args;
    rules.push_back(made);
  }
  out["syscalls"] = rules;
  return out;
}

}  // namespace bulkhead
