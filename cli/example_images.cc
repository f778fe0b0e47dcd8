// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "cli/example_images.h"

#include <sys/stat.h>

#include <cerrno>
#include <cstdio>

#include "cli/failure.h"
#include "cli/files.h"
#include "cli/oci_writer.h"
#include "cli/sha256.h"

namespace bulkhead {
namespace {

constexpr size_t kMaxBusybox = 16 << 20;  // bytes

constexpr const char* kApplets[] = {
    "[",       "ash",    "awk",     "base64",   "basename",  "cat",   "chmod",    "chown",
    "cmp",     "cp",     "cut",     "date",     "dd",        "df",    "diff",     "dirname",
    "dmesg",   "du",     "echo",    "env",      "expr",      "false", "find",     "free",
    "grep",    "head",   "hexdump", "hostname", "id",        "kill",  "less",     "ln",
    "ls",      "md5sum", "mkdir",   "mknod",    "mktemp",    "more",  "mount",    "mv",
    "nc",      "od",     "ping",    "printf",   "ps",        "pwd",   "readlink", "rm",
    "rmdir",   "sed",    "seq",     "sh",       "sha256sum", "sleep", "sort",     "stat",
    "strings", "sync",   "tail",    "tar",      "tee",       "test",  "time",     "timeout",
    "top",     "touch",  "tr",      "true",     "umount",    "uname", "uniq",     "uptime",
    "vi",      "wc",     "wget",    "which",    "whoami",    "xargs", "yes"};

constexpr char kHelloConfig[] = R"({
  "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
  "Cmd": ["/bin/echo", "Hello from a pod with its own kernel."],
  "WorkingDir": "/"
})";

LayerEntry Directory(const std::string& path, uint32_t mode = 0755) {
  LayerEntry entry;
  entry.kind = LayerEntry::Kind::kDirectory;
  entry.path = path;
  entry.mode = mode;
  return entry;
}

LayerEntry File(const std::string& path, const std::string& data, uint32_t mode = 0644) {
  LayerEntry entry;
  entry.path = path;
  entry.data = data;
  entry.mode = mode;
  return entry;
}

std::vector<LayerEntry> HelloFiles(const std::string& busybox) {
  std::vector<LayerEntry> out = {
      Directory("bin"),
      Directory("dev"),
      Directory("etc"),
      Directory("home"),
      Directory("proc"),
      Directory("root", 0700),
      Directory("run"),
      Directory("sys"),
      Directory("tmp", 01777),
      Directory("usr"),
      Directory("usr/bin"),
      Directory("var"),
      File("etc/passwd",
           "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/bin/false\n"),
      File("etc/group", "root:x:0:\nnogroup:x:65534:\n"),
      File("bin/busybox", busybox, 0755)};
  for (const char* const applet : kApplets) {
    LayerEntry link;
    link.kind = LayerEntry::Kind::kSymlink;
    link.path = std::string("bin/") + applet;
    link.data = "busybox";
    link.mode = 0777;
    out.push_back(link);
  }
  LayerEntry env;
  env.kind = LayerEntry::Kind::kSymlink;
  env.path = "usr/bin/env";
  env.data = "../../bin/busybox";
  env.mode = 0777;
  out.push_back(env);
  return out;
}

}  // namespace

absl::StatusOr<std::string> MaterializeExample(const std::string& name, Architecture arch,
                                               const std::string& cache_root) {
  if (name != "hello") {
    return Failure("there is no example '", Printable(name), "'; there is example:hello");
  }
  const std::string programs = GuestPrograms(arch, cache_root);
  const std::string path = programs + "/bin/busybox";
  absl::StatusOr<std::string> busybox = ReadFile(path, kMaxBusybox);
  if (!busybox.ok()) {
    return Failure("example:", name, " needs ", path, "; ",
                   programs.empty() ? "install the package busybox-static" : "run tools/setup");
  }
  // The layout is known by what goes into it: an upgraded busybox makes a new one.
  const std::string layer = MakeLayer(HelloFiles(*busybox));
  const std::string key = Sha256Hex(layer + OciName(arch) + kHelloConfig).substr(0, 16);
  const std::string parent = cache_root + "/examples";
  const std::string directory = parent + "/" + name + "-" + key;
  if (FileExists(directory + "/index.json")) return directory;
  BULKHEAD_RETURN_IF_FAILED(MakeDirectories(parent));
  BULKHEAD_ASSIGN_OR_RETURN(const TempDir work, TempDir::Create(parent));
  const std::string made = work.path() + "/layout";
  OciLayoutWriter writer(made);
  OciLayoutWriter::Image image;
  image.tag = "latest";
  image.arch = OciName(arch);
  image.config_json = kHelloConfig;
  image.layers = {layer};
  BULKHEAD_RETURN_IF_FAILED(writer.Add(image));
  BULKHEAD_RETURN_IF_FAILED(writer.Finish());
  if (rename(made.c_str(), directory.c_str()) != 0 && errno != EEXIST && errno != ENOTEMPTY) {
    return ErrnoFailure("cannot put example:hello into the cache", errno);
  }
  return directory;
}

}  // namespace bulkhead
