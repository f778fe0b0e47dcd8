// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "cli/image_store.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>

#include "cli/example_images.h"
#include "cli/failure.h"
#include "cli/files.h"
#include "cli/flatten.h"
#include "cli/image_fetch.h"
#include "cli/sha256.h"

namespace bulkhead {
namespace {

constexpr size_t kMaxSmallFile = 8 << 20;  // bytes
constexpr char kConfigFile[] = "config.json";

// What an archive's contents are known by without reading them. A registry's name is known by
// itself: as podman does, what is here is used until --pull says otherwise.
std::string ReferenceKey(const ImageReference& reference, const std::string& arch) {
  std::string text = arch + "\n" + reference.text + "\n";
  if (reference.transport != Transport::kRegistry) {
    char* real = realpath(reference.path.c_str(), nullptr);
    struct stat info = {};
    if (real == nullptr || stat(real, &info) != 0) {
      free(real);
      return "";
    }
    text += absl::StrCat(real, "\n", info.st_dev, " ", info.st_ino, " ", info.st_size, " ",
                         info.st_mtim.tv_sec, " ", info.st_mtim.tv_nsec, " ", info.st_ctim.tv_sec,
                         " ", info.st_ctim.tv_nsec, "\n");
    free(real);
  }
  return Sha256Hex(text);
}

}  // namespace

absl::StatusOr<StoredImage> ImageStore::Load(const std::string& id) const {
  const std::string directory = ImageDirectory(id);
  StoredImage out;
  out.id = id;
  out.rootfs = directory + "/" + kRootfsFile;
  if (!FileExists(out.rootfs)) return absl::NotFoundError("not in the cache");
  BULKHEAD_ASSIGN_OR_RETURN(out.config_json,
                            ReadFile(directory + "/" + kConfigFile, kMaxSmallFile));
  out.passwd = ReadFile(directory + "/" + kPasswdFile, kMaxSmallFile).value_or("");
  out.group = ReadFile(directory + "/" + kGroupFile, kMaxSmallFile).value_or("");
  return out;
}

absl::StatusOr<StoredImage> ImageStore::Add(const OciImage& image, const std::string& text,
                                            const RunContext& context) {
  const std::string id = image.Id();
  if (absl::StatusOr<StoredImage> stored = Load(id); stored.ok()) return stored;
  if (context.progress != nullptr) context.progress->Step("unpacking " + Printable(text));
  BULKHEAD_RETURN_IF_FAILED(VerifyLayers(image, text));
  BULKHEAD_ASSIGN_OR_RETURN(const TempDir work, TempDir::Create(root_ + "/images"));
  const std::string made = work.path() + "/image";
  BULKHEAD_RETURN_IF_FAILED(MakeDirectories(made));
  BULKHEAD_RETURN_IF_FAILED(FlattenImage(image, text, made, program_, context));
  BULKHEAD_RETURN_IF_FAILED(WriteFileAtomically(made + "/" + kConfigFile, image.config_json));
  // If another run was quicker, its files are as good as ours.
  if (rename(made.c_str(), ImageDirectory(id).c_str()) != 0 && errno != EEXIST &&
      errno != ENOTEMPTY) {
    return ErrnoFailure("cannot put the image into the cache", errno);
  }
  return Load(id);
}

absl::StatusOr<StoredImage> ImageStore::Get(const ImageReference& reference,
                                            Architecture architecture, PullPolicy pull,
                                            const RunContext& context) {
  const std::string arch = OciName(architecture);
  BULKHEAD_RETURN_IF_FAILED(MakeDirectories(root_ + "/images"));
  BULKHEAD_RETURN_IF_FAILED(MakeDirectories(root_ + "/references"));
  RemoveStaleTempDirs(root_ + "/images");
  if (reference.transport == Transport::kOci) {
    BULKHEAD_ASSIGN_OR_RETURN(const OciImage image,
                              OpenOciImage(reference.path, reference.tag, arch, reference.text));
    return Add(image, reference.text, context);
  }
  if (reference.transport == Transport::kExample) {
    BULKHEAD_ASSIGN_OR_RETURN(const std::string layout,
                              MaterializeExample(reference.path, architecture, root_));
    BULKHEAD_ASSIGN_OR_RETURN(const OciImage image, OpenOciImage(layout, "", arch, reference.text));
    return Add(image, reference.text, context);
  }

  const std::string key = ReferenceKey(reference, arch);
  const std::string record = root_ + "/references/" + key;
  const bool registry = reference.transport == Transport::kRegistry;
  if (!key.empty() && !(registry && pull == PullPolicy::kAlways)) {
    const std::string id = ReadFile(record, 64).value_or("");
    if (IsSha256Digest("sha256:" + id)) {
      if (absl::StatusOr<StoredImage> stored = Load(id); stored.ok()) return stored;
    }
  }
  if (registry && pull == PullPolicy::kNever) {
    return Failure("image ", Printable(reference.text),
                   " is not in the cache; run without --pull never to fetch it");
  }
  if (context.progress != nullptr) {
    context.progress->Step((registry ? "fetching " : "reading ") + Printable(reference.text));
  }
  BULKHEAD_ASSIGN_OR_RETURN(const TempDir work, TempDir::Create(root_ + "/images"));
  BULKHEAD_RETURN_IF_FAILED(FetchImage(reference, arch, work.path(), context));
  BULKHEAD_ASSIGN_OR_RETURN(const OciImage image, OpenOciImage(work.path() + "/layout", kFetchedTag,
                                                               arch, reference.text));
  BULKHEAD_ASSIGN_OR_RETURN(StoredImage stored, Add(image, reference.text, context));
  if (!key.empty()) BULKHEAD_RETURN_IF_FAILED(WriteFileAtomically(record, stored.id));
  return stored;
}

}  // namespace bulkhead
