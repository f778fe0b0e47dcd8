// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "cli/layer_extractor.h"

#include <archive.h>
#include <archive_entry.h>
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <memory>

#include "cli/failure.h"
#include "cli/files.h"

namespace bulkhead {
namespace {

constexpr uint64_t kMaxEntries = 4 << 20;  // of all layers
constexpr size_t kMaxPath = 4096;
constexpr char kWhiteout[] = ".wh.";
constexpr char kOpaque[] = ".wh..wh..opq";
constexpr char kWhiteoutMeta[] = ".wh..wh.";  // other marks of AUFS mean nothing here

struct ReaderDeleter {
  void operator()(archive* reader) const { archive_read_free(reader); }
};

std::string Join(const std::vector<std::string>& path, size_t count) {
  std::string out;
  for (size_t i = 0; i < count; ++i) out += "/" + path[i];
  return out;
}

absl::StatusOr<std::vector<std::string>> Split(const char* name) {
  if (name == nullptr) return Failure("an entry has no usable name");
  std::vector<std::string> out;
  std::string part;
  const size_t size = std::strlen(name);
  if (size > kMaxPath) return Failure("an entry's name is too long");
  for (size_t i = 0; i <= size; ++i) {
    if (i < size && name[i] != '/') {
      part += name[i];
      continue;
    }
    if (part == "..") return Failure("the name '", Printable(name), "' leads out of the image");
    if (!part.empty() && part != ".") out.push_back(part);
    part.clear();
  }
  return out;
}

absl::Status EntryFailure(const std::vector<std::string>& path, int error) {
  return ErrnoFailure(absl::StrCat("cannot unpack ", Printable(Join(path, path.size()))), error);
}

absl::Status ReaderFailure(archive* reader) {
  // A full disk shows as an error of the system, damage as libarchive's own.
  if (archive_errno(reader) == ENOSPC) return ErrnoFailure("cannot unpack", ENOSPC);
  const char* text = archive_error_string(reader);
  return Failure("it cannot be read as a tar archive: ",
                 Printable(text != nullptr ? text : "unknown error"));
}

bool IsDirectory(int parent, const char* name) {
  struct stat info;
  return fstatat(parent, name, &info, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(info.st_mode);
}

}  // namespace

absl::StatusOr<LayerExtractor> LayerExtractor::Create(const std::string& root) {
  UniqueFd fd(open(root.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd.valid()) return ErrnoFailure(absl::StrCat("cannot open ", root), errno);
  LayerExtractor extractor(std::move(fd));
  extractor.directory_times_[""] = timespec{};
  return extractor;
}

absl::Status LayerExtractor::Apply(const std::string& path) {
  in_layer_.clear();
  const std::unique_ptr<archive, ReaderDeleter> reader(archive_read_new());
  archive_read_support_filter_gzip(reader.get());
  archive_read_support_filter_zstd(reader.get());
  archive_read_support_format_tar(reader.get());
  archive_read_support_format_empty(reader.get());
  if (archive_read_open_filename(reader.get(), path.c_str(), 1 << 18) != ARCHIVE_OK) {
    return ReaderFailure(reader.get());
  }
  for (;;) {
    archive_entry* entry = nullptr;
    const int result = archive_read_next_header(reader.get(), &entry);
    if (result == ARCHIVE_EOF) return absl::OkStatus();
    if (result != ARCHIVE_OK && result != ARCHIVE_WARN) return ReaderFailure(reader.get());
    if (++entries_ > kMaxEntries) return Failure("the image has too many files");
    BULKHEAD_RETURN_IF_FAILED(ApplyEntry(reader.get(), entry));
  }
}

absl::Status LayerExtractor::ApplyEntry(archive* reader, archive_entry* entry) {
  BULKHEAD_ASSIGN_OR_RETURN(const Path path, Split(archive_entry_pathname(entry)));
  if (path.empty()) {  // the root itself
    if (archive_entry_filetype(entry) != AE_IFDIR)
      return Failure("the image's root is no directory");
    return SetMetadata(root_.get(), path, entry);
  }
  const std::string& name = path.back();
  if (name.rfind(kWhiteout, 0) == 0) {
    return Whiteout(Path(path.begin(), path.end() - 1), name);
  }
  BULKHEAD_ASSIGN_OR_RETURN(const UniqueFd parent, OpenDirectory(path, path.size() - 1, true));
  BULKHEAD_RETURN_IF_FAILED(Make(parent.get(), path, reader, entry));
  // The directories on the way are this layer's, too, whether it lists them or not.
  for (size_t count = path.size(); count > 0; --count) {
    if (!in_layer_.insert(Join(path, count)).second) break;
  }
  if (archive_entry_hardlink(entry) != nullptr) return absl::OkStatus();  // it has its file's
  if (archive_entry_filetype(entry) == AE_IFSOCK) return absl::OkStatus();
  return SetMetadata(parent.get(), path, entry);
}

absl::StatusOr<UniqueFd> LayerExtractor::OpenDirectory(const Path& path, size_t count, bool make) {
  constexpr int kFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
  UniqueFd at(openat(root_.get(), ".", kFlags));
  for (size_t i = 0; i < count && at.valid(); ++i) {
    const char* const name = path[i].c_str();
    UniqueFd next(openat(at.get(), name, kFlags));
    if (!next.valid() && (errno == ENOENT || errno == ENOTDIR || errno == ELOOP)) {
      if (!make) return UniqueFd();
      if (errno != ENOENT) RemoveTreeAt(at.get(), name);
      if (mkdirat(at.get(), name, 0755) != 0) return EntryFailure(path, errno);
      (void)fchmodat(at.get(), name, 0755, 0);  // whatever our umask is
      // A directory that no layer lists has no time of its own, and must not get today's.
      directory_times_[Join(path, i + 1)] = timespec{};
      next = UniqueFd(openat(at.get(), name, kFlags));
    }
    at = std::move(next);
  }
  if (!at.valid()) return EntryFailure(path, errno);
  return at;
}

absl::Status LayerExtractor::Whiteout(const Path& directory, const std::string& name) {
  BULKHEAD_ASSIGN_OR_RETURN(const UniqueFd parent,
                            OpenDirectory(directory, directory.size(), false));
  if (!parent.valid()) return absl::OkStatus();
  const std::string path = Join(directory, directory.size());
  if (name == kOpaque) return RemoveLower(parent.get(), ".", path);
  if (name.rfind(kWhiteoutMeta, 0) == 0) return absl::OkStatus();
  const std::string victim = name.substr(sizeof(kWhiteout) - 1);
  if (victim.empty() || victim == "." || victim == "..") {
    return Failure("the whiteout '", Printable(name), "' names nothing");
  }
  if (in_layer_.count(path + "/" + victim) == 0) {
    RemoveTreeAt(parent.get(), victim.c_str());
  } else if (IsDirectory(parent.get(), victim.c_str())) {
    return RemoveLower(parent.get(), victim, path + "/" + victim);
  }
  return absl::OkStatus();
}

// Removes what lower layers have put into the directory `name`: a whiteout never hides what its own
// layer has, in whatever order they come (layer.md, "Whiteouts").
absl::Status LayerExtractor::RemoveLower(int parent, const std::string& name,
                                         const std::string& path) {
  // A stack of our own: the depth is the layer's choice.
  struct Level {
    UniqueFd fd;
    std::string path;
  };
  std::vector<Level> todo;
  todo.push_back(
      {UniqueFd(openat(parent, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)),
       path});
  while (!todo.empty()) {
    const Level level = std::move(todo.back());
    todo.pop_back();
    const int copy = level.fd.valid() ? dup(level.fd.get()) : -1;
    DIR* dir = copy >= 0 ? fdopendir(copy) : nullptr;
    if (dir == nullptr) return ErrnoFailure("cannot apply a whiteout", errno);
    std::vector<std::string> names;
    while (const dirent* entry = readdir(dir)) names.emplace_back(entry->d_name);
    closedir(dir);
    for (const std::string& child : names) {
      if (child == "." || child == "..") continue;
      const std::string child_path = level.path + "/" + child;
      if (in_layer_.count(child_path) == 0) {
        RemoveTreeAt(level.fd.get(), child.c_str());
      } else if (IsDirectory(level.fd.get(), child.c_str())) {
        todo.push_back({UniqueFd(openat(level.fd.get(), child.c_str(),
                                        O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)),
                        child_path});
      }
    }
  }
  return absl::OkStatus();
}

absl::Status LayerExtractor::Make(int parent, const Path& path, archive* reader,
                                  archive_entry* entry) {
  const char* const name = path.back().c_str();
  if (const char* target = archive_entry_hardlink(entry); target != nullptr) {
    return MakeHardLink(parent, path, target);
  }
  const auto type = archive_entry_filetype(entry);
  if (type == AE_IFDIR) {
    if (IsDirectory(parent, name)) return absl::OkStatus();  // lower layers' contents stay
    RemoveTreeAt(parent, name);
    return mkdirat(parent, name, 0700) == 0 ? absl::OkStatus() : EntryFailure(path, errno);
  }
  RemoveTreeAt(parent, name);
  switch (type) {
    case AE_IFREG:
      return MakeFile(parent, name, reader, entry);
    case AE_IFLNK: {
      const char* target = archive_entry_symlink(entry);
      if (target == nullptr) return Failure("a symbolic link leads nowhere");
      return symlinkat(target, parent, name) == 0 ? absl::OkStatus() : EntryFailure(path, errno);
    }
    case AE_IFCHR:
    case AE_IFBLK:
    case AE_IFIFO: {
      const mode_t mode = (type & S_IFMT) | 0600;
      const dev_t device = type == AE_IFIFO ? 0 : archive_entry_rdev(entry);
      return mknodat(parent, name, mode, device) == 0 ? absl::OkStatus()
                                                      : EntryFailure(path, errno);
    }
    case AE_IFSOCK:  // no use without its owner
      return absl::OkStatus();
    default:
      return Failure("'", Printable(Join(path, path.size())), "' is of no known kind");
  }
}

absl::Status LayerExtractor::MakeFile(int parent, const char* name, archive* reader,
                                      archive_entry* entry) {
  const UniqueFd fd(
      openat(parent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!fd.valid()) return EntryFailure({name}, errno);
  for (;;) {
    const void* data = nullptr;
    size_t size = 0;
    la_int64_t offset = 0;
    const int result = archive_read_data_block(reader, &data, &size, &offset);
    if (result == ARCHIVE_EOF) break;
    if (result != ARCHIVE_OK && result != ARCHIVE_WARN) return ReaderFailure(reader);
    // Sparse files come with holes between the blocks.
    if (lseek(fd.get(), offset, SEEK_SET) < 0) return EntryFailure({name}, errno);
    BULKHEAD_RETURN_IF_FAILED(WriteAll(fd.get(), data, size, Printable(name)));
  }
  if (ftruncate(fd.get(), archive_entry_size(entry)) != 0) return EntryFailure({name}, errno);
  return absl::OkStatus();
}

absl::Status LayerExtractor::MakeHardLink(int parent, const Path& path, const std::string& target) {
  BULKHEAD_ASSIGN_OR_RETURN(const Path to, Split(target.c_str()));
  if (to == path) return absl::OkStatus();
  const auto missing = [&] {
    return Failure("'", Printable(Join(path, path.size())), "' is a hard link to '",
                   Printable(target), "', which is not there");
  };
  if (to.empty()) return missing();
  BULKHEAD_ASSIGN_OR_RETURN(const UniqueFd from, OpenDirectory(to, to.size() - 1, false));
  struct stat info;
  if (!from.valid() || fstatat(from.get(), to.back().c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0 ||
      S_ISDIR(info.st_mode)) {
    return missing();
  }
  RemoveTreeAt(parent, path.back().c_str());
  if (linkat(from.get(), to.back().c_str(), parent, path.back().c_str(), 0) != 0) {
    return errno == ENOENT ? missing() : EntryFailure(path, errno);
  }
  return absl::OkStatus();
}

absl::Status LayerExtractor::SetMetadata(int parent, const Path& path, archive_entry* entry) {
  const char* const name = path.empty() ? "." : path.back().c_str();
  const auto type = archive_entry_filetype(entry);
  if (fchownat(parent, name, static_cast<uid_t>(archive_entry_uid(entry)),
               static_cast<gid_t>(archive_entry_gid(entry)), AT_SYMLINK_NOFOLLOW) != 0) {
    return EntryFailure(path, errno);
  }
  // Nothing else changes this tree, so the name is still the entry that was made.
  if (type != AE_IFLNK && fchmodat(parent, name, archive_entry_perm(entry) & 07777, 0) != 0) {
    return EntryFailure(path, errno);
  }
  const std::string full = absl::StrCat("/proc/self/fd/", parent, "/", name);
  archive_entry_xattr_reset(entry);
  const char* attribute = nullptr;
  const void* value = nullptr;
  size_t size = 0;
  while (archive_entry_xattr_next(entry, &attribute, &value, &size) == ARCHIVE_OK) {
    const std::string key = attribute;
    // These steer overlayfs, which the image lies under in the guest; they are not the image's.
    if (key.rfind("trusted.overlay.", 0) == 0) continue;
    if (lsetxattr(full.c_str(), attribute, value, size, 0) != 0) {
      return ErrnoFailure(absl::StrCat("cannot set the attribute ", Printable(key), " of ",
                                       Printable(Join(path, path.size()))),
                          errno);
    }
  }
  timespec times[2] = {{archive_entry_mtime(entry), archive_entry_mtime_nsec(entry)},
                       {archive_entry_mtime(entry), archive_entry_mtime_nsec(entry)}};
  if (type == AE_IFDIR) {
    directory_times_[Join(path, path.size())] = times[0];
  } else {
    (void)utimensat(parent, name, times, AT_SYMLINK_NOFOLLOW);
  }
  return absl::OkStatus();
}

absl::Status LayerExtractor::Finish() {
  for (const auto& [text, time] : directory_times_) {
    BULKHEAD_ASSIGN_OR_RETURN(const Path path, Split(text.c_str()));
    BULKHEAD_ASSIGN_OR_RETURN(const UniqueFd fd, OpenDirectory(path, path.size(), false));
    if (!fd.valid()) continue;  // a later layer has removed it
    const timespec times[2] = {time, time};
    (void)futimens(fd.get(), times);
  }
  return absl::OkStatus();
}

}  // namespace bulkhead
