// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "boot/pod_config.h"

#include <algorithm>
#include <array>
#include <optional>

#include "base/align.h"

namespace bulkhead {
namespace {

enum Key : uint32_t {
  kVersion,
  kMemory,
  kCpus,
  kCmdline,
  kDebugUart,
  kKernel,
  kImage,
  kCpuLimit,
  kCpuRequest,
  kKeyCount
};

struct KeyRule {
  std::string_view name;
  bool required;
};

constexpr std::array<KeyRule, kKeyCount> kKeys = {{
    {"version", true},
    {"memory", true},
    {"cpus", true},
    {"cmdline", true},
    {"debug_uart", false},
    {"kernel", false},
    {"image", false},
    {"cpu_limit", false},
    {"cpu_request", false},
}};

std::optional<uint64_t> ParseDecimal(std::string_view digits) {
  if (digits.empty()) return std::nullopt;
  uint64_t value = 0;
  for (const char c : digits) {
    if (c < '0' || c > '9') return std::nullopt;
    if (__builtin_mul_overflow(value, uint64_t{10}, &value) ||
        __builtin_add_overflow(value, static_cast<uint64_t>(c - '0'), &value)) {
      return std::nullopt;
    }
  }
  return value;
}

bool IsText(char c) { return static_cast<unsigned char>(c) >= ' ' && c != 0x7f; }

bool IsTextKey(uint32_t key) { return key == kCmdline || key == kKernel || key == kImage; }

PodConfigErrorKind SetText(uint32_t key, std::string_view value, PodConfig& config) {
  const size_t most = key == kCmdline ? kMaxPodCommandLine : kMaxPodEntry;
  if (value.size() > most || !std::all_of(value.begin(), value.end(), IsText) ||
      (value.empty() && key != kCmdline)) {
    return PodConfigErrorKind::kBadText;
  }
  if (key == kImage) {
    if (config.image_count == kMaxPodImages) return PodConfigErrorKind::kTooMany;
    config.images[config.image_count++] = value;
  } else {
    (key == kCmdline ? config.cmdline : config.kernel) = value;
  }
  return PodConfigErrorKind::kNone;
}

PodConfigErrorKind SetNumber(uint32_t key, std::string_view value, PodConfig& config) {
  const std::optional<uint64_t> number = ParseDecimal(value);
  if (!number) return PodConfigErrorKind::kBadNumber;
  bool good = false;
  switch (key) {
    case kVersion:
      good = *number == kPodConfigVersion;
      break;
    case kMemory:
      good = *number != 0 && *number <= kMaxPodMemory && IsAligned(*number, kPageSize);
      config.memory = *number;
      break;
    case kCpus:
      good = *number >= 1 && *number <= kMaxPodCpus;
      config.cpus = static_cast<uint32_t>(*number);
      break;
    case kDebugUart:
      good = *number <= 1;
      config.debug_uart = *number == 1;
      break;
    case kCpuLimit:
      good = *number <= kMaxPodCpuShare;
      config.cpu_limit = static_cast<uint32_t>(*number);
      break;
    case kCpuRequest:
      good = *number <= kMaxPodCpuShare;
      config.cpu_request = static_cast<uint32_t>(*number);
      break;
    default:
      break;
  }
  return good ? PodConfigErrorKind::kNone : PodConfigErrorKind::kOutOfRange;
}

}  // namespace

PodConfigError ParsePodConfig(std::string_view text, PodConfig& config) {
  config = {};
  std::array<bool, kKeyCount> seen = {};
  for (uint32_t line = 1; !text.empty(); ++line) {
    const size_t end = text.find('\n');
    const std::string_view content = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);

    const size_t equals = content.find('=');
    if (equals == std::string_view::npos || equals == 0) {
      return {.kind = PodConfigErrorKind::kNotKeyValue, .line = line};
    }
    const std::string_view name = content.substr(0, equals);
    const std::string_view value = content.substr(equals + 1);
    const auto rule = std::find_if(kKeys.begin(), kKeys.end(),
                                   [name](const KeyRule& rule) { return rule.name == name; });
    if (rule == kKeys.end()) {
      return {.kind = PodConfigErrorKind::kUnknownKey, .line = line, .key = name};
    }
    const auto key = static_cast<uint32_t>(rule - kKeys.begin());
    if (seen[key] && key != kImage) {
      return {.kind = PodConfigErrorKind::kDuplicateKey, .line = line, .key = rule->name};
    }
    seen[key] = true;
    const PodConfigErrorKind kind =
        IsTextKey(key) ? SetText(key, value, config) : SetNumber(key, value, config);
    if (kind != PodConfigErrorKind::kNone) return {.kind = kind, .line = line, .key = rule->name};
  }
  for (uint32_t key = 0; key < kKeyCount; ++key) {
    if (kKeys[key].required && !seen[key]) {
      return {.kind = PodConfigErrorKind::kMissingKey, .key = kKeys[key].name};
    }
  }
  if (config.cpu_limit != 0 && config.cpu_request > config.cpu_limit) {
    return {.kind = PodConfigErrorKind::kAboveLimit, .key = kKeys[kCpuRequest].name};
  }
  return {};
}

PodConfigError ParsePodConfig(std::span<const std::byte> text, PodConfig& config) {
  return ParsePodConfig(std::string_view(reinterpret_cast<const char*>(text.data()), text.size()),
                        config);
}

TextWriter& operator<<(TextWriter& out, const PodConfigError& error) {
  out << "pod config: ";
  if (error.line != 0) out << "line " << error.line << ": ";
  switch (error.kind) {
    case PodConfigErrorKind::kNone:
      return out << "no error";
    case PodConfigErrorKind::kNotKeyValue:
      return out << "not key=value";
    case PodConfigErrorKind::kUnknownKey: {
      // The key is whatever the file holds: show what a terminal can bear.
      out << "unknown key '";
      for (const char c : error.key.substr(0, 64)) out << (IsText(c) ? c : '?');
      return out << "'";
    }
    case PodConfigErrorKind::kDuplicateKey:
      return out << "second '" << error.key << "'";
    case PodConfigErrorKind::kBadNumber:
      return out << "bad number for '" << error.key << "'";
    case PodConfigErrorKind::kOutOfRange:
      return out << "value of '" << error.key << "' is not supported";
    case PodConfigErrorKind::kBadText:
      return out << "value of '" << error.key << "' is too long, empty, or has control characters";
    case PodConfigErrorKind::kMissingKey:
      return out << "'" << error.key << "' is missing";
    case PodConfigErrorKind::kAboveLimit:
      return out << "'" << error.key << "' is more than the limit";
    case PodConfigErrorKind::kTooMany:
      return out << "too many of '" << error.key << "'";
  }
  return out << "unknown error";
}

}  // namespace bulkhead
