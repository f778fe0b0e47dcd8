// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "cli/oci_writer.h"

#include <archive.h>
#include <archive_entry.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "cli/failure.h"
#include "cli/files.h"
#include "cli/json.h"
#include "cli/sha256.h"

namespace bulkhead {
namespace {

la_ssize_t AppendBytes(archive*, void* out, const void* data, size_t size) {
  static_cast<std::string*>(out)->append(static_cast<const char*>(data), size);
  return static_cast<la_ssize_t>(size);
}

uint32_t FileType(LayerEntry::Kind kind) {
  switch (kind) {
    case LayerEntry::Kind::kDirectory:
      return S_IFDIR;
    case LayerEntry::Kind::kSymlink:
      return S_IFLNK;
    case LayerEntry::Kind::kCharacterDevice:
      return S_IFCHR;
    case LayerEntry::Kind::kBlockDevice:
      return S_IFBLK;
    case LayerEntry::Kind::kFifo:
      return S_IFIFO;
    default:
      return S_IFREG;
  }
}

}  // namespace

std::string MakeLayer(const std::vector<LayerEntry>& entries, LayerCompression compression) {
  std::string out;
  archive* writer = archive_write_new();
  archive_write_set_format_pax_restricted(writer);
  if (compression == LayerCompression::kGzip) {
    archive_write_add_filter_gzip(writer);
    archive_write_set_options(writer, "gzip:!timestamp");
  }
  if (compression == LayerCompression::kZstd) archive_write_add_filter_zstd(writer);
  archive_write_set_bytes_in_last_block(writer, 1);
  archive_write_open(writer, &out, nullptr, AppendBytes, nullptr);
  for (const LayerEntry& entry : entries) {
    archive_entry* header = archive_entry_new();
    archive_entry_set_pathname(header, entry.path.c_str());
    archive_entry_set_filetype(header, FileType(entry.kind));
    archive_entry_set_perm(header, entry.mode);
    archive_entry_set_uid(header, entry.uid);
    archive_entry_set_gid(header, entry.gid);
    archive_entry_set_mtime(header, entry.mtime, 0);
    for (const auto& [name, value] : entry.xattrs) {
      archive_entry_xattr_add_entry(header, name.c_str(), value.data(), value.size());
    }
    switch (entry.kind) {
      case LayerEntry::Kind::kFile:
        archive_entry_set_size(header, static_cast<la_int64_t>(entry.data.size()));
        break;
      case LayerEntry::Kind::kSymlink:
        archive_entry_set_symlink(header, entry.data.c_str());
        break;
      case LayerEntry::Kind::kHardLink:
        archive_entry_set_hardlink(header, entry.data.c_str());
        break;
      default:
        archive_entry_set_rdev(header, makedev(entry.major, entry.minor));
    }
    archive_write_header(writer, header);
    if (entry.kind == LayerEntry::Kind::kFile) {
      archive_write_data(writer, entry.data.data(), entry.data.size());
    }
    archive_entry_free(header);
  }
  archive_write_close(writer);
  archive_write_free(writer);
  return out;
}

std::string OciLayoutWriter::AddBlob(const std::string& bytes, absl::Status* status) {
  const std::string hex = Sha256Hex(bytes);
  if (status->ok()) {
    *status = WriteFileAtomically(directory_ + "/blobs/sha256/" + hex, bytes);
  }
  return "sha256:" + hex;
}

absl::Status OciLayoutWriter::Add(const Image& image) {
  BULKHEAD_RETURN_IF_FAILED(MakeDirectories(directory_ + "/blobs/sha256"));
  absl::Status status;
  Json layers = Json::array();
  Json diff_ids = Json::array();
  for (size_t i = 0; i < image.layers.size(); ++i) {
    const std::string& layer = image.layers[i];
    const std::string digest = AddBlob(layer, &status);
    const bool gzip = layer.rfind("\x1f\x8b", 0) == 0;
    layers.push_back({{"mediaType", std::string("application/vnd.oci.image.layer.v1.tar") +
                                        (gzip ? "+gzip" : "")},
                      {"digest", digest},
                      {"size", layer.size()}});
    diff_ids.push_back(i < image.uncompressed.size() ? "sha256:" + Sha256Hex(image.uncompressed[i])
                                                     : digest);
  }
  const Json config = {
      {"architecture", image.arch},
      {"os", "linux"},
      {"config", image.config_json.empty() ? Json::object() : Json::parse(image.config_json)},
      {"rootfs", {{"type", "layers"}, {"diff_ids", diff_ids}}}};
  const std::string config_text = config.dump();
  const std::string config_digest = AddBlob(config_text, &status);
  const Json manifest = {{"schemaVersion", 2},
                         {"mediaType", "application/vnd.oci.image.manifest.v1+json"},
                         {"config",
                          {{"mediaType", "application/vnd.oci.image.config.v1+json"},
                           {"digest", config_digest},
                           {"size", config_text.size()}}},
                         {"layers", layers}};
  const std::string manifest_text = manifest.dump();
  const std::string digest = AddBlob(manifest_text, &status);
  Json entry = {{"mediaType", "application/vnd.oci.image.manifest.v1+json"},
                {"digest", digest},
                {"size", manifest_text.size()}};
  if (!image.tag.empty()) {
    entry["annotations"] = {{"org.opencontainers.image.ref.name", image.tag}};
  }
  if (image.platform_in_index) {
    entry["platform"] = {{"architecture", image.arch}, {"os", "linux"}};
  }
  index_entries_.push_back(entry.dump());
  return status;
}

std::string OciLayoutWriter::IndexText(const std::string& type) const {
  Json manifests = Json::array();
  for (const std::string& entry : index_entries_) manifests.push_back(Json::parse(entry));
  Json index = {{"schemaVersion", 2}, {"manifests", manifests}};
  if (!type.empty()) index["mediaType"] = type;
  return index.dump();
}

absl::Status OciLayoutWriter::WriteIndex(const std::string& text) {
  BULKHEAD_RETURN_IF_FAILED(
      WriteFileAtomically(directory_ + "/oci-layout", R"({"imageLayoutVersion": "1.0.0"})"));
  return WriteFileAtomically(directory_ + "/index.json", text);
}

absl::Status OciLayoutWriter::Finish() { return WriteIndex(IndexText("")); }

absl::Status OciLayoutWriter::FinishAsOne(const std::string& tag, const std::string& index_type) {
  absl::Status status;
  const std::string text = IndexText(index_type);
  const Json entry = {{"mediaType", index_type},
                      {"digest", AddBlob(text, &status)},
                      {"size", text.size()},
                      {"annotations", {{"org.opencontainers.image.ref.name", tag}}}};
  index_entries_ = {entry.dump()};
  return status.ok() ? Finish() : status;
}

}  // namespace bulkhead
