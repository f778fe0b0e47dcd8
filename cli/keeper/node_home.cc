// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "cli/keeper/node_home.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "cli/failure.h"

namespace bulkhead {
namespace {

constexpr char kSocket[] = "control";
constexpr size_t kMaxName = 63;  // bytes (RFC 1123, 2.1)
constexpr int kBacklog = 16;

UniqueFd OpenDirectory(const std::string& path) {
  return UniqueFd(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
}

// Relative to a directory's descriptor: its own path may be longer than sun_path is.
sockaddr_un SocketAddress(const UniqueFd& directory) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  const std::string path = "/proc/self/fd/" + std::to_string(directory.get()) + "/" + kSocket;
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  return address;
}

bool SameFile(const UniqueFd& open_file, const std::string& path) {
  struct stat ours;
  struct stat named;
  return fstat(open_file.get(), &ours) == 0 && lstat(path.c_str(), &named) == 0 &&
         ours.st_dev == named.st_dev && ours.st_ino == named.st_ino;
}

// All that is ever in one. The caller has the lock.
void RemoveHome(const UniqueFd& directory, const std::string& path) {
  for (const char* file : {kSocket, "stderr"}) unlinkat(directory.get(), file, 0);
  if (SameFile(directory, path)) rmdir(path.c_str());
}

}  // namespace

absl::Status CheckNodeName(const std::string& name) {
  const auto inner = [](unsigned char c) {
    return std::islower(c) != 0 || std::isdigit(c) != 0 || c == '-';
  };
  if (!name.empty() && name.size() <= kMaxName && name.front() != '-' && name.back() != '-' &&
      std::all_of(name.begin(), name.end(), inner)) {
    return absl::OkStatus();
  }
  return Failure("'", Printable(name),
                 "' is not a node's name; --name takes up to 63 small letters, digits and -, with "
                 "a letter or digit at both ends");
}

absl::StatusOr<std::string> RuntimeDirectory() {
  const char* xdg = std::getenv("XDG_RUNTIME_DIR");
  const std::string path = xdg != nullptr && xdg[0] == '/'
                               ? std::string(xdg) + "/bulkhead"
                               : "/tmp/bulkhead-" + std::to_string(geteuid());
  if (mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) {
    return ErrnoFailure("cannot make the directory " + path + ", where nodes are found", errno);
  }
  struct stat info;
  if (lstat(path.c_str(), &info) != 0) return ErrnoFailure("cannot look at " + path, errno);
  // Whoever may write there could answer in a node's name.
  if (!S_ISDIR(info.st_mode) || info.st_uid != geteuid() || (info.st_mode & 077) != 0) {
    return Failure(path,
                   " is not a directory of yours alone; remove it, or have XDG_RUNTIME_DIR "
                   "name a directory that is");
  }
  return path;
}

absl::StatusOr<NodeHome> NodeHome::Claim(const std::string& name) {
  BULKHEAD_RETURN_IF_FAILED(CheckNodeName(name));
  BULKHEAD_ASSIGN_OR_RETURN(const std::string root, RuntimeDirectory());
  const std::string path = root + "/" + name;
  for (;;) {
    if (mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) {
      return ErrnoFailure("cannot make the directory " + path, errno);
    }
    UniqueFd lock = OpenDirectory(path);
    if (!lock.valid() && errno == ENOENT) continue;
    if (!lock.valid()) return ErrnoFailure("cannot open " + path, errno);
    if (flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
      return Failure("a node named ", name, " is there already; 'bulkhead down --name ", name,
                     "' ends it, or give --name another");
    }
    // It may have been removed by whoever had the lock before.
    if (!SameFile(lock, path)) continue;
    unlinkat(lock.get(), kSocket, 0);
    return NodeHome(path, std::move(lock));
  }
}

NodeHome::~NodeHome() {
  if (!path_.empty()) RemoveHome(lock_, path_);
}

absl::StatusOr<UniqueFd> NodeHome::Listen() const {
  UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const sockaddr_un address = SocketAddress(lock_);
  if (!fd.valid() ||
      bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0 ||
      listen(fd.get(), kBacklog) != 0) {
    return ErrnoFailure("cannot listen in " + path_, errno);
  }
  return fd;
}

absl::StatusOr<NodePresence> ConnectToNode(const std::string& name, UniqueFd* connection) {
  BULKHEAD_RETURN_IF_FAILED(CheckNodeName(name));
  BULKHEAD_ASSIGN_OR_RETURN(const std::string root, RuntimeDirectory());
  const std::string path = root + "/" + name;
  const UniqueFd directory = OpenDirectory(path);
  if (!directory.valid()) return NodePresence::kNone;
  UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd.valid()) return ErrnoFailure("cannot make a socket", errno);
  const sockaddr_un address = SocketAddress(directory);
  if (connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0) {
    *connection = std::move(fd);
    return NodePresence::kKept;
  }
  if (flock(directory.get(), LOCK_EX | LOCK_NB) != 0) return NodePresence::kStarting;
  if (!SameFile(directory, path)) return NodePresence::kNone;
  RemoveHome(directory, path);
  return NodePresence::kGone;
}

absl::StatusOr<std::vector<std::string>> NodeNames() {
  BULKHEAD_ASSIGN_OR_RETURN(const std::string root, RuntimeDirectory());
  std::vector<std::string> names;
  DIR* dir = opendir(root.c_str());
  if (dir == nullptr) return ErrnoFailure("cannot read " + root, errno);
  while (const dirent* entry = readdir(dir)) {
    if (CheckNodeName(entry->d_name).ok()) names.emplace_back(entry->d_name);
  }
  closedir(dir);
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace bulkhead
