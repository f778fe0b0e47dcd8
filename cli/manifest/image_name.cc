// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "cli/manifest/image_name.h"

#include <algorithm>
#include <cctype>
#include <string_view>

namespace bulkhead {
namespace {

constexpr size_t kMaxTag = 128;
constexpr size_t kMaxImage = 1024;

bool IsAlnum(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0; }
bool IsSmallAlnum(char c) { return IsAlnum(c) && std::isupper(static_cast<unsigned char>(c)) == 0; }

// Begins and ends with a letter or digit; between them may be `inner`, too.
bool IsWord(std::string_view text, std::string_view inner, bool (*is_alnum)(char)) {
  if (text.empty() || !is_alnum(text.front()) || !is_alnum(text.back())) return false;
  return std::all_of(text.begin(), text.end(), [&](char c) {
    return is_alnum(c) || inner.find(c) != std::string_view::npos;
  });
}

// Takes what comes before the first `separator`, or all.
std::string_view TakeUntil(std::string_view* text, char separator) {
  const size_t end = std::min(text->find(separator), text->size());
  const std::string_view out = text->substr(0, end);
  text->remove_prefix(std::min(end + 1, text->size()));
  return out;
}

bool IsHost(std::string_view text) {
  const std::string_view name = TakeUntil(&text, ':');
  return IsWord(name, "-.", IsAlnum) && text.size() <= 5 &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// [HOST[:PORT]/]PART[/PART]... The first part is a host if it looks like one.
bool IsRepository(std::string_view text) {
  if (text.empty() || text.back() == '/') return false;
  const std::string_view first = text.substr(0, text.find('/'));
  if (first.size() < text.size() &&
      (first == "localhost" || first.find_first_of(".:") != std::string_view::npos)) {
    if (!IsHost(first)) return false;
    TakeUntil(&text, '/');
  }
  while (!text.empty()) {
    if (!IsWord(TakeUntil(&text, '/'), "-_.", IsSmallAlnum)) return false;
  }
  return true;
}

bool IsTag(std::string_view text) {
  return !text.empty() && text.size() <= kMaxTag && text[0] != '.' && text[0] != '-' &&
         std::all_of(text.begin(), text.end(),
                     [](char c) { return IsAlnum(c) || c == '_' || c == '.' || c == '-'; });
}

bool IsDigest(std::string_view text) {
  constexpr std::string_view kAlgorithm = "sha256:";
  if (text.substr(0, kAlgorithm.size()) != kAlgorithm) return false;
  text.remove_prefix(kAlgorithm.size());
  return text.size() == 64 && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

bool IsLocal(std::string_view image) {
  for (const std::string_view transport : {"example:", "oci:", "oci-archive:", "docker-archive:"}) {
    if (image.substr(0, transport.size()) == transport) return true;
  }
  return false;
}

// REPOSITORY[:TAG][@DIGEST]
struct RegistryName {
  std::string_view repository;
  std::string_view tag;
  std::string_view digest;
};

RegistryName Split(std::string_view text) {
  RegistryName out;
  if (const size_t at = text.find('@'); at != std::string_view::npos) {
    out.digest = text.substr(at + 1);
    text = text.substr(0, at);
  }
  const size_t slash = text.rfind('/');
  const size_t colon = text.rfind(':');
  if (colon != std::string_view::npos && (slash == std::string_view::npos || colon > slash)) {
    out.tag = text.substr(colon + 1);
    text = text.substr(0, colon);
  }
  out.repository = text;
  return out;
}

bool IsRegistryName(std::string_view text, const RegistryName& name) {
  const std::string_view last = text.empty() ? "" : text.substr(text.size() - 1);
  return text.size() <= kMaxImage && last != ":" && last != "@" && IsRepository(name.repository) &&
         (name.tag.empty() || IsTag(name.tag)) && (name.digest.empty() || IsDigest(name.digest));
}

}  // namespace

std::optional<ImageName> ParseImageName(const std::string& text) {
  constexpr std::string_view kDocker = "docker://";
  if (IsLocal(text)) return ImageName{text, PullPolicy::kMissing};
  std::string_view rest = text;
  if (rest.substr(0, kDocker.size()) == kDocker) rest.remove_prefix(kDocker.size());
  const RegistryName name = Split(rest);
  if (!IsRegistryName(rest, name)) return std::nullopt;
  std::string image = std::string(kDocker) + std::string(name.repository);
  // The digest says all; containers-transports(5) does not take a tag beside it.
  if (!name.digest.empty()) {
    return ImageName{image + "@" + std::string(name.digest), PullPolicy::kMissing};
  }
  const bool latest = name.tag.empty() || name.tag == "latest";
  if (!name.tag.empty()) image += ":" + std::string(name.tag);
  return ImageName{image, latest ? PullPolicy::kAlways : PullPolicy::kMissing};
}

}  // namespace bulkhead
