// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "cli/oci_layout.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <optional>

#include "cli/failure.h"
#include "cli/files.h"
#include "cli/json.h"
#include "cli/sha256.h"

namespace bulkhead {
namespace {

constexpr size_t kMaxDocument = 4 << 20;  // bytes of an index, manifest or configuration
constexpr size_t kMaxLayers = 1024;
constexpr int kMaxIndexDepth = 4;
constexpr char kRefName[] = "org.opencontainers.image.ref.name";
// Goes into every image's Id: raise it when flattening changes.
constexpr char kFormat[] = "bulkhead image 1";

absl::Status Corrupt(const std::string& text, const std::string& what) {
  return Failure("image ", Printable(text), " is corrupt: ", what, "; fetch or build it again");
}

std::string BlobPathOf(const std::string& directory, const std::string& digest) {
  return directory + "/blobs/sha256/" + digest.substr(7);
}

absl::StatusOr<OciDescriptor> ReadDescriptor(const Json& json, const std::string& text) {
  OciDescriptor out;
  out.media_type = StringMember(json, "mediaType");
  out.digest = StringMember(json, "digest");
  if (!IsSha256Digest(out.digest)) {
    return Corrupt(text, absl::StrCat("'", Printable(out.digest, 80), "' is not a sha256 digest"));
  }
  const std::optional<uint64_t> size = NumberMember(json, "size");
  if (!size.has_value()) return Corrupt(text, "a descriptor has no size");
  out.size = *size;
  return out;
}

// Length first: a file cut short is the commonest damage, and the cheapest to see.
absl::Status CheckLength(const std::string& path, const OciDescriptor& blob,
                         const std::string& text) {
  struct stat info;
  if (stat(path.c_str(), &info) != 0) {
    if (errno == ENOENT) return Corrupt(text, absl::StrCat("blob ", blob.digest, " is missing"));
    return ErrnoFailure(absl::StrCat("cannot read ", path), errno);
  }
  const auto size = static_cast<uint64_t>(info.st_size);
  if (size < blob.size) {
    return Corrupt(text, absl::StrCat("blob ", blob.digest, " is truncated (", size, " of ",
                                      blob.size, " bytes)"));
  }
  if (size > blob.size) {
    return Corrupt(
        text, absl::StrCat("blob ", blob.digest, " has ", size, " bytes instead of ", blob.size));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> ReadDocument(const std::string& directory, const OciDescriptor& blob,
                                         const std::string& text) {
  const std::string path = BlobPathOf(directory, blob.digest);
  BULKHEAD_RETURN_IF_FAILED(CheckLength(path, blob, text));
  if (blob.size > kMaxDocument) {
    return Corrupt(text, absl::StrCat("document ", blob.digest, " is too large"));
  }
  BULKHEAD_ASSIGN_OR_RETURN(std::string bytes, ReadFile(path, kMaxDocument));
  if ("sha256:" + Sha256Hex(bytes) != blob.digest) {
    return Corrupt(text, absl::StrCat("digest mismatch of blob ", blob.digest));
  }
  return bytes;
}

bool IsIndex(const std::string& media_type) {
  return media_type == "application/vnd.oci.image.index.v1+json" ||
         media_type == "application/vnd.docker.distribution.manifest.list.v2+json";
}

absl::Status WrongArchitecture(const std::string& text, std::vector<std::string> there,
                               const std::string& arch) {
  std::sort(there.begin(), there.end());
  there.erase(std::unique(there.begin(), there.end()), there.end());
  std::string list;
  for (const std::string& one : there) list += (list.empty() ? "" : ", ") + one;
  return Failure("image ", Printable(text), " is for ", Printable(list), ", not for linux/", arch,
                 "; use an image that was built for ", arch);
}

// Chooses among the entries of an index. `tag` counts only at the top.
absl::StatusOr<Json> ChooseEntry(const Json& index, const std::string& tag, const std::string& arch,
                                 const std::string& text) {
  const Json& manifests = Member(index, "manifests");
  if (!manifests.is_array() || manifests.empty()) {
    return Failure("image ", Printable(text), " is an empty layout; put an image into it");
  }
  std::vector<Json> candidates;
  std::vector<std::string> tags;
  for (const Json& entry : manifests) {
    const std::string name = StringMember(Member(entry, "annotations"), kRefName);
    if (!name.empty()) tags.push_back(name);
    if (tag.empty() || name == tag) candidates.push_back(entry);
  }
  if (candidates.empty()) {
    std::string list;
    for (const std::string& one : tags) list += (list.empty() ? "" : ", ") + one;
    return Failure("there is no tag '", Printable(tag), "' in ", Printable(text), "; it has ",
                   list.empty() ? "no tags" : Printable(list));
  }
  std::vector<Json> fitting;
  std::vector<std::string> there;
  for (const Json& entry : candidates) {
    const Json& platform = Member(entry, "platform");
    const std::string entry_arch = StringMember(platform, "architecture");
    const std::string entry_os = StringMember(platform, "os");
    // Without a platform the image's configuration decides.
    if (entry_arch.empty() || (entry_arch == arch && (entry_os.empty() || entry_os == "linux"))) {
      fitting.push_back(entry);
    } else if (entry_arch != "unknown") {  // attestations are unknown/unknown
      there.push_back(entry_os + "/" + entry_arch);
    }
  }
  if (fitting.empty()) return WrongArchitecture(text, there, arch);
  if (tag.empty() && fitting.size() > 1 && tags.size() > 1) {
    std::string list;
    for (const std::string& one : tags) list += (list.empty() ? "" : ", ") + one;
    return Failure("there are several images in ", Printable(text), "; add one of the tags ",
                   Printable(list), " after a colon");
  }
  return fitting[0];
}

}  // namespace

bool IsSha256Digest(const std::string& digest) {
  return digest.size() == 71 && digest.rfind("sha256:", 0) == 0 &&
         std::all_of(digest.begin() + 7, digest.end(),
                     [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

std::string OciImage::BlobPath(const OciDescriptor& blob) const {
  return BlobPathOf(directory, blob.digest);
}

std::string OciImage::Id() const {
  std::string text = std::string(kFormat) + "\n" + config.digest + "\n";
  for (const OciDescriptor& layer : layers) text += layer.digest + "\n";
  return Sha256Hex(text);
}

absl::StatusOr<OciImage> OpenOciImage(const std::string& directory, const std::string& tag,
                                      const std::string& arch, const std::string& text) {
  struct stat info;
  if (stat(directory.c_str(), &info) != 0) {
    return Failure("image ", Printable(text), " does not exist: there is no directory ",
                   Printable(directory), "; check the name");
  }
  const std::string index_path = directory + "/index.json";
  if (!FileExists(index_path)) {
    return Failure(Printable(directory),
                   " is not an OCI image layout (it has no index.json); check the name");
  }
  BULKHEAD_ASSIGN_OR_RETURN(const std::string index_text, ReadFile(index_path, kMaxDocument));
  std::optional<Json> document = ParseJson(index_text);
  if (!document.has_value()) return Corrupt(text, "index.json is not JSON");

  std::string wanted = tag;
  for (int depth = 0;; ++depth) {
    if (depth == kMaxIndexDepth) return Corrupt(text, "its indexes are nested too deeply");
    BULKHEAD_ASSIGN_OR_RETURN(const Json entry, ChooseEntry(*document, wanted, arch, text));
    BULKHEAD_ASSIGN_OR_RETURN(const OciDescriptor blob, ReadDescriptor(entry, text));
    BULKHEAD_ASSIGN_OR_RETURN(const std::string bytes, ReadDocument(directory, blob, text));
    document = ParseJson(bytes);
    if (!document.has_value()) return Corrupt(text, "a manifest is not JSON");
    wanted.clear();
    if (!IsIndex(blob.media_type) && !IsIndex(StringMember(*document, "mediaType"))) break;
  }

  OciImage image;
  image.directory = directory;
  BULKHEAD_ASSIGN_OR_RETURN(image.config, ReadDescriptor(Member(*document, "config"), text));
  const Json& layers = Member(*document, "layers");
  if (!layers.is_array() || layers.size() > kMaxLayers) {
    return Corrupt(text, "its manifest lists no layers, or too many");
  }
  for (const Json& layer : layers) {
    BULKHEAD_ASSIGN_OR_RETURN(const OciDescriptor blob, ReadDescriptor(layer, text));
    if (blob.media_type.find("encrypted") != std::string::npos) {
      return Failure("image ", Printable(text),
                     " has encrypted layers; decrypt it with skopeo copy");
    }
    image.layers.push_back(blob);
  }
  BULKHEAD_ASSIGN_OR_RETURN(image.config_json, ReadDocument(directory, image.config, text));
  const std::optional<Json> config = ParseJson(image.config_json);
  if (!config.has_value()) return Corrupt(text, "its configuration is not JSON");
  const std::string image_arch = StringMember(*config, "architecture");
  const std::string os = StringMember(*config, "os");
  if (image_arch != arch || (!os.empty() && os != "linux")) {
    return WrongArchitecture(text,
                             {(os.empty() ? "linux" : os) + "/" +
                              (image_arch.empty() ? "an unnamed architecture" : image_arch)},
                             arch);
  }
  return image;
}

absl::Status VerifyLayers(const OciImage& image, const std::string& text) {
  for (const OciDescriptor& layer : image.layers) {
    const std::string path = image.BlobPath(layer);
    BULKHEAD_RETURN_IF_FAILED(CheckLength(path, layer, text));
    BULKHEAD_ASSIGN_OR_RETURN(const FileDigest digest, Sha256File(path));
    if ("sha256:" + digest.hex != layer.digest) {
      return Corrupt(text, absl::StrCat("digest mismatch of layer ", layer.digest));
    }
  }
  return absl::OkStatus();
}

}  // namespace bulkhead
