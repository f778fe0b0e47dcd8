// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "cli/image_fetch.h"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstdlib>
#include <initializer_list>

#include "cli/failure.h"
#include "cli/files.h"

namespace bulkhead {
namespace {

// The text of skopeo's last complaint: time="..." level=fatal msg="...", with \" inside.
std::string FatalMessage(const std::string& errors) {
  const size_t fatal = errors.rfind("level=fatal");
  const size_t start = errors.find("msg=\"", fatal == std::string::npos ? 0 : fatal);
  if (start == std::string::npos) return Printable(errors);
  std::string out;
  for (size_t i = start + 5; i < errors.size() && errors[i] != '"'; ++i) {
    if (errors[i] == '\\' && i + 1 < errors.size()) ++i;
    out += errors[i];
  }
  return Printable(out);
}

// Go wraps errors from the outside in, "doing this: doing that: cause"; the end says most.
std::string Innermost(const std::string& message) {
  constexpr size_t kEnough = 160;
  if (message.size() <= kEnough) return message;
  const size_t at = message.find(": ", message.size() - kEnough);
  return at == std::string::npos ? message : message.substr(at + 2);
}

bool Mentions(const std::string& text, std::initializer_list<const char*> words) {
  std::string lower = text;
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return std::any_of(words.begin(), words.end(),
                     [&](const char* word) { return lower.find(word) != std::string::npos; });
}

bool HasPolicy() {
  const char* home = std::getenv("HOME");
  return FileExists("/etc/containers/policy.json") ||
         (home != nullptr && FileExists(std::string(home) + "/.config/containers/policy.json"));
}

}  // namespace

absl::Status SkopeoFailure(const std::string& errors, const ImageReference& reference,
                           const std::string& arch) {
  const std::string detail = Innermost(FatalMessage(errors));
  const std::string image = "image " + Printable(reference.text);
  const bool registry = reference.transport == Transport::kRegistry;
  if (Mentions(detail, {"no space left"})) {
    return ErrnoFailure("cannot fetch " + image, ENOSPC);
  }
  if (Mentions(detail, {"no image found in manifest list", "no image found in image index"})) {
    return Failure(image, " is not for linux/", arch, " (", detail, "); use an image built for ",
                   arch);
  }
  if (Mentions(detail,
               {"digest did not match", "digest mismatch", "does not match", "unexpected eof",
                "invalid header", "invalid checksum", "corrupt", "invalid tar"})) {
    return Failure(image,
                   Mentions(detail, {"digest"}) ? " is corrupt: digest mismatch ("
                                                : " is corrupt or truncated (",
                   detail, "); fetch or build it again");
  }
  if (registry &&
      Mentions(detail, {"manifest unknown", "name unknown", "not found", "404",
                        "repository name not known"}) &&
      !Mentions(detail, {"no such host", "dial tcp"})) {
    return Failure(image, " does not exist in its registry (", detail,
                   "); check the name and the tag");
  }
  if (registry && Mentions(detail, {"unauthorized", "denied", "authentication required", "403"})) {
    return Failure(image, " does not exist or needs a login (", detail,
                   "); check the name, or run 'skopeo login'");
  }
  if (registry && Mentions(detail, {"no such host", "dial tcp", "connection", "timeout", "tls",
                                    "x509", "i/o", "lookup", "proxy", "eof"})) {
    return Failure("the registry of ", image, " cannot be reached (", detail,
                   "); check the name and the network");
  }
  if (registry) {
    return Failure("cannot fetch ", image, ": ", detail, "; check the name and the tag");
  }
  if (Mentions(detail, {"tag", "reference", "not found", "no descriptor", "no docker image"})) {
    return Failure("there is no such image in ", Printable(reference.path), " (", detail,
                   "); check the tag");
  }
  return Failure(image, " cannot be read: ", detail, "; fetch or build it again");
}

absl::Status FetchImage(const ImageReference& reference, const std::string& arch,
                        const std::string& directory, const RunContext& context) {
  if (reference.transport != Transport::kRegistry && !FileExists(reference.path)) {
    return Failure("image ", Printable(reference.text), " does not exist: there is no file ",
                   Printable(reference.path), "; check the name");
  }
  Command command;
  command.arguments = {"skopeo", "--override-os", "linux",  "--override-arch",
                       arch,     "--tmpdir",      directory};
  // Some transports look only at this for their large files, and then at /var/tmp.
  command.environment = {"TMPDIR=" + directory};
  if (!HasPolicy()) command.arguments.emplace_back("--insecure-policy");
  command.arguments.insert(command.arguments.end(),
                           {"copy", "--quiet", "--dest-oci-accept-uncompressed-layers",
                            reference.text, "oci:" + directory + "/layout:" + kFetchedTag});
  absl::StatusOr<CommandResult> result = RunCommand(command, context);
  if (absl::IsNotFound(result.status())) {
    return Failure("skopeo is not installed; install the package skopeo");
  }
  if (!result.ok()) return result.status();
  if (!result->ok()) return SkopeoFailure(result->errors, reference, arch);
  return absl::OkStatus();
}

}  // namespace bulkhead
