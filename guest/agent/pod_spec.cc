// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "guest/agent/pod_spec.h"

#include <array>
#include <charconv>
#include <utility>

#include "guest/agent/protocol.h"

namespace bulkhead {
namespace {

constexpr std::array<std::pair<std::string_view, RestartPolicy>, 3> kPolicies = {{
    {"always", RestartPolicy::kAlways},
    {"on-failure", RestartPolicy::kOnFailure},
    {"never", RestartPolicy::kNever},
}};

std::optional<uint64_t> Number(std::string_view text, uint64_t max) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value > max) return std::nullopt;
  return value;
}

bool SetRestart(std::string_view value, PodSpec* spec) {
  for (const auto& [name, policy] : kPolicies) {
    if (name != value) continue;
    spec->restart = policy;
    return true;
  }
  return false;
}

bool AddVolume(std::string_view value, PodSpec* spec) {
  const std::optional<uint64_t> bytes = Number(value, UINT64_MAX);
  if (!bytes.has_value() || spec->volumes.size() == kMaxPodVolumes) return false;
  spec->volumes.push_back(*bytes);
  return true;
}

bool AddContainer(std::string_view value, PodSpec* spec) {
  const std::optional<uint64_t> image = Number(value, kAgentMaxContainers - 1);
  if (!image.has_value() || spec->containers.size() == kAgentMaxContainers) return false;
  spec->containers.push_back({.image = static_cast<uint32_t>(*image)});
  return true;
}

// Of the last container.
bool SetFlag(std::string_view value, PodSpec* spec, bool PodSpec::Container::* flag) {
  if (value != "1" || spec->containers.empty()) return false;
  spec->containers.back().*flag = true;
  return true;
}

bool TakeLine(std::string_view key, std::string_view value, PodSpec* spec) {
  if (key == "version") return value == "1";
  if (key == "restart") return SetRestart(value, spec);
  if (key == "volume") return AddVolume(value, spec);
  if (key == "container") return AddContainer(value, spec);
  if (key == "init") return SetFlag(value, spec, &PodSpec::Container::init);
  if (key == "stdin") return SetFlag(value, spec, &PodSpec::Container::has_stdin);
  return false;
}

bool IsWhole(const PodSpec& spec) {
  bool normal = false;
  int inputs = 0;
  for (const PodSpec::Container& container : spec.containers) {
    if (container.init && normal) return false;
    normal |= !container.init;
    inputs += container.has_stdin ? 1 : 0;
  }
  return normal && inputs <= 1;
}

}  // namespace

std::string FormatPodSpec(const PodSpec& spec) {
  std::string out = "version=1\n";
  for (const auto& [name, policy] : kPolicies) {
    if (policy == spec.restart) out.append("restart=").append(name) += '\n';
  }
  for (const uint64_t bytes : spec.volumes) out += "volume=" + std::to_string(bytes) + "\n";
  for (const PodSpec::Container& container : spec.containers) {
    out += "container=" + std::to_string(container.image) + "\n";
    if (container.init) out += "init=1\n";
    if (container.has_stdin) out += "stdin=1\n";
  }
  return out;
}

std::optional<PodSpec> ParsePodSpec(std::string_view text) {
  if (!text.starts_with("version=1\n")) return std::nullopt;
  PodSpec spec;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    const size_t equals = line.find('=');
    if (end == std::string_view::npos || equals == std::string_view::npos ||
        !TakeLine(line.substr(0, equals), line.substr(equals + 1), &spec)) {
      return std::nullopt;
    }
    text.remove_prefix(end + 1);
  }
  return IsWhole(spec) ? std::optional(spec) : std::nullopt;
}

}  // namespace bulkhead
