// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "cli/flatten.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <clocale>
#include <cstdio>

#include "cli/failure.h"
#include "cli/fakeroot.h"
#include "cli/files.h"
#include "cli/layer_extractor.h"

namespace bulkhead {
namespace {

constexpr size_t kMaxAccountFile = 4 << 20;  // bytes of /etc/passwd or /etc/group
// mkfs.erofs clamps files' times to this and takes it for its own time: a constant, so that the
// same image gives the same file, and so late (2100-01-01) that no real time is changed.
constexpr char kEpoch[] = "SOURCE_DATE_EPOCH=4102444800";

// Copies a file of the tree, as the image's own programs would find it: links are followed, but
// never out of the tree. Whatever is not a readable file is left out.
absl::Status CopyAccountFile(const std::string& tree, const char* path, const std::string& to) {
  const UniqueFd root(open(tree.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  open_how how = {};
  how.flags = O_RDONLY | O_NONBLOCK | O_CLOEXEC;
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  const UniqueFd fd(static_cast<int>(syscall(SYS_openat2, root.get(), path, &how, sizeof(how))));
  struct stat info;
  if (!fd.valid() || fstat(fd.get(), &info) != 0 || !S_ISREG(info.st_mode)) {
    return absl::OkStatus();
  }
  absl::StatusOr<std::string> text =
      ReadFile(absl::StrCat("/proc/self/fd/", fd.get()), kMaxAccountFile);
  if (!text.ok()) return absl::OkStatus();
  return WriteFileAtomically(to, *text);
}

// A UUID (RFC 4122, version 8 form) out of the image's Id.
std::string UuidFrom(const std::string& id) {
  return id.substr(0, 8) + "-" + id.substr(8, 4) + "-8" + id.substr(13, 3) + "-8" +
         id.substr(17, 3) + "-" + id.substr(20, 12);
}

absl::Status Flatten(const std::vector<std::string>& arguments) {
  if (arguments.size() < 2 || arguments[0].size() < 32) {
    return Failure(kFlattenCommand, " is not for use by hand");
  }
  const std::string& directory = arguments[1];
  const std::string tree = directory + "/tree";
  if (mkdir(tree.c_str(), 0755) != 0) return ErrnoFailure("cannot make " + tree, errno);
  BULKHEAD_ASSIGN_OR_RETURN(LayerExtractor extractor, LayerExtractor::Create(tree));
  for (size_t i = 2; i < arguments.size(); ++i) {
    absl::Status status = extractor.Apply(arguments[i]);
    if (absl::IsResourceExhausted(status)) return status;
    if (!status.ok()) return Failure("layer ", i - 1, ": ", std::string(status.message()));
  }
  BULKHEAD_RETURN_IF_FAILED(extractor.Finish());
  BULKHEAD_RETURN_IF_FAILED(CopyAccountFile(tree, "etc/passwd", directory + "/" + kPasswdFile));
  BULKHEAD_RETURN_IF_FAILED(CopyAccountFile(tree, "etc/group", directory + "/" + kGroupFile));

  Command command;
  command.arguments = {"mkfs.erofs", "-U", UuidFrom(arguments[0]), directory + "/" + kRootfsFile,
                       tree};
  command.environment = {kEpoch};
  absl::StatusOr<CommandResult> made = RunCommand(command, {});
  if (absl::IsNotFound(made.status())) {
    return Failure("mkfs.erofs is not installed; install the package erofs-utils");
  }
  if (!made.ok()) return made.status();
  if (!made->ok()) {
    if (made->errors.find("No space left") != std::string::npos) {
      return ErrnoFailure("cannot write the image", ENOSPC);
    }
    return Failure("mkfs.erofs failed: ", Printable(made->errors));
  }
  return absl::OkStatus();
}

}  // namespace

int FlattenMain(const std::vector<std::string>& arguments) {
  // libarchive converts names to the locale's character set; nothing is to be lost.
  std::setlocale(LC_CTYPE, "C.UTF-8");
  umask(022);
  const absl::Status status = Flatten(arguments);
  if (status.ok()) return 0;
  std::fprintf(stderr, "%s\n", std::string(status.message()).c_str());
  return absl::IsResourceExhausted(status) ? 2 : 1;
}

absl::Status FlattenImage(const OciImage& image, const std::string& text,
                          const std::string& directory, const std::string& program,
                          const RunContext& context) {
  BULKHEAD_ASSIGN_OR_RETURN(const FakeRoot fake_root, FakeRoot::Start());
  Command command;
  command.arguments = {program, kFlattenCommand, image.Id(), directory};
  for (const OciDescriptor& layer : image.layers) {
    command.arguments.push_back(image.BlobPath(layer));
  }
  command.environment = fake_root.environment();
  BULKHEAD_ASSIGN_OR_RETURN(const CommandResult result, RunCommand(command, context));
  RemoveTree(directory + "/tree");
  if (result.ok()) return absl::OkStatus();
  const std::string line = Printable(result.errors);
  if (WIFEXITED(result.status) && WEXITSTATUS(result.status) == 2) {
    return absl::ResourceExhaustedError(line);
  }
  if (line.empty()) return Failure("unpacking image ", Printable(text), " ended unexpectedly");
  return Failure("cannot unpack image ", Printable(text), ": ", line);
}

}  // namespace bulkhead
