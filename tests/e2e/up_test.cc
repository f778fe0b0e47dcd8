// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// `bulkhead up`: several pods on one node, each with a stock kernel of its own.

#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "cli/oci_writer.h"
#include "tests/e2e/cli_process.h"

namespace bulkhead {
namespace {

// A pod that runs a shell script; `more`: lines of its spec.
std::string Pod(const std::string& name, const std::string& script, const std::string& more = "") {
  return "---\napiVersion: v1\nkind: Pod\nmetadata:\n  name: " + name + "\nspec:\n" + more +
         "  containers:\n  - name: main\n    image: example:hello\n    command: [sh, -c]\n"
         "    args:\n    - |\n      " +
         script + "\n    resources: {limits: {memory: 64Mi}}\n";
}

constexpr char kOnce[] = "  restartPolicy: Never\n";

class Up : public testing::TestWithParam<Architecture> {
 protected:
  std::unique_ptr<CliProcess> Start(const std::string& manifests) {
    const std::string file = directory_ / "pods.yaml";
    WriteFileOrDie(file, manifests);
    std::vector<std::string> arguments = {"up", file};
    if (GetParam() == Architecture::kAarch64)
      arguments.insert(arguments.end(), {"--arch", "arm64"});
    return std::make_unique<CliProcess>(CliOptions{.arguments = arguments});
  }

  TempDirectory directory_;
};

size_t Count(const std::string& text, const std::string& what) {
  size_t count = 0;
  for (size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += what.size()) ++count;
  return count;
}

TEST_P(Up, PodsWithNamesOfTheirOwn) {
  const auto up = Start(Pod("web", "echo $(hostname); echo oops >&2", kOnce) +
                        Pod("cache-0", "cat /etc/hostname; exit 3", kOnce) +
                        Pod("batch", "hostname; printf 'no line end'", kOnce));
  ASSERT_TRUE(up->RunToEnd());
  EXPECT_EQ(up->status(), 3);
  for (const char* line : {"web/main     | web\n", "cache-0/main | cache-0\n",
                           "batch/main   | batch\n", "batch/main   | no line end\n"}) {
    EXPECT_EQ(Count(up->out(), line), 1u) << line << "in\n" << up->out();
  }
  EXPECT_EQ(Count(up->out(), "\n"), 4u) << up->out();
  EXPECT_EQ(Count(up->err(), "web/main     | oops\n"), 1u) << up->err();
  EXPECT_EQ(Count(up->err(), "bulkhead: pod cache-0: exit status 3\n"), 1u) << up->err();
  EXPECT_EQ(Count(up->err(), "\n"), 2u) << up->err();
}

TEST_P(Up, InterruptAsksAllToEnd) {
  const std::string script =
      "trap 'echo bye; exit 0' TERM; echo ready; while true; do read -t 1 x; sleep 1; done";
  const auto up = Start(Pod("a", script) + Pod("b", script));
  ASSERT_TRUE(up->RunUntil([&] { return Count(up->out(), "ready\n") == 2; }));
  up->Signal(SIGINT);
  ASSERT_TRUE(up->RunToEnd());
  EXPECT_EQ(up->status(), 128 + SIGINT);
  EXPECT_EQ(Count(up->out(), "a/main | bye\n"), 1u) << up->out();
  EXPECT_EQ(Count(up->out(), "b/main | bye\n"), 1u) << up->out();
  EXPECT_EQ(up->err(), "");
}

// One that fails starts again, one that has succeeded does not, and both as fresh as at first.
TEST_P(Up, StartsAgainWhatFails) {
  const std::string policy = "  restartPolicy: OnFailure\n";
  const auto up =
      Start(Pod("fails", "test -e /mark && echo old; touch /mark; echo once; exit 1", policy) +
            Pod("works", "echo done", policy));
  ASSERT_TRUE(up->RunUntil([&] { return Count(up->out(), "fails/main | once\n") == 2; }));
  up->Signal(SIGTERM);
  ASSERT_TRUE(up->RunToEnd());
  EXPECT_EQ(up->status(), 128 + SIGTERM);
  EXPECT_EQ(Count(up->out(), "works/main | done\n"), 1u) << up->out();
  EXPECT_EQ(Count(up->out(), "old"), 0u) << up->out();
}

// A container of example:hello that runs a shell script.
std::string Script(const std::string& name, const std::string& script,
                   const std::string& more = "") {
  return "  - name: " + name +
         "\n    image: example:hello\n    command: [sh, -c]\n    args:\n    - |\n      " + script +
         "\n    resources: {limits: {memory: 64Mi, cpu: 500m}}\n" + more;
}

std::string PodOf(const std::string& name, const std::string& inits, const std::string& containers,
                  const std::string& more) {
  return "---\napiVersion: v1\nkind: Pod\nmetadata:\n  name: " + name + "\nspec:\n" + more +
         (inits.empty() ? "" : "  initContainers:\n" + inits) + "  containers:\n" + containers;
}

constexpr char kVolumes[] =
    "  volumes:\n  - {name: data, emptyDir: {sizeLimit: 1Mi}}\n"
    "  - {name: other, emptyDir: {medium: Memory}}\n";

// One prepares a file; two others meet over a volume, the host name and the network, each with
// limits and processes of its own.
TEST_P(Up, ContainersOfOnePod) {
  const std::string mount = "    volumeMounts: [{name: data, mountPath: /data}]\n";
  const auto up = Start(PodOf(
      "shop",
      Script("prepare",
             "echo prepared > /data/file; df -k /data | tail -n 1 | tr -s ' ' | "
             "cut -d' ' -f2",
             mount),
      Script("one",
             "cat /data/file; hostname; echo $$$$; touch /only-here; "
             "nc -l -p 7777 > /data/received; cat /data/received; "
             "cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/cpu.max",
             mount) +
          Script("two",
                 "until echo through the network | nc 127.0.0.1 7777; do sleep 1; done; "
                 "test -e /only-here && echo leak; echo x > /data/y || echo read-only; exit 3",
                 "    volumeMounts: [{name: data, mountPath: /data, readOnly: true}]\n"),
      std::string(kVolumes) + kOnce));
  ASSERT_TRUE(up->RunToEnd());
  EXPECT_EQ(up->status(), 3);
  for (const char* line :
       {"shop/prepare | 1024\n", "shop/one     | prepared\n", "shop/one     | shop\n",
        "shop/one     | 1\n", "shop/one     | through the network\n", "shop/one     | 67108864\n",
        "shop/one     | 50000 100000\n", "shop/two     | read-only\n"}) {
    EXPECT_EQ(Count(up->out(), line), 1u) << line << "in\n" << up->out();
  }
  EXPECT_EQ(Count(up->out(), "leak"), 0u) << up->out();
  EXPECT_EQ(Count(up->err(), "bulkhead: pod shop: container two: exit status 3\n"), 1u)
      << up->err();
}

// Only the container that fails starts again; its root is new, the volume is not.
TEST_P(Up, OneContainerStartsAgain) {
  const std::string mount = "    volumeMounts: [{name: other, mountPath: /data}]\n";
  const auto up = Start(PodOf("pod", "",
                              Script("fails",
                                     "test -e /mark && echo old root; touch /mark; "
                                     "test -e /data/mark && exit 0; touch /data/mark; exit 1",
                                     mount) +
                                  Script("stays",
                                         "echo once; until test -e /data/mark; do sleep 1; "
                                         "done; sleep 12; echo done",
                                         mount),
                              std::string(kVolumes) + "  restartPolicy: OnFailure\n"));
  ASSERT_TRUE(up->RunToEnd());
  EXPECT_EQ(up->status(), 0) << up->err();
  EXPECT_EQ(Count(up->out(), "once\n"), 1u) << up->out();
  EXPECT_EQ(Count(up->out(), "done\n"), 1u) << up->out();
  EXPECT_EQ(Count(up->out(), "old root"), 0u) << up->out();
  EXPECT_EQ(up->err(), "bulkhead: pod pod: container fails: exit status 1\n");
}

TEST_P(Up, InitContainerThatFails) {
  const auto up =
      Start(PodOf("pod", Script("first", "exit 7"), Script("never", "echo runs"), kOnce));
  ASSERT_TRUE(up->RunToEnd());
  EXPECT_EQ(up->status(), 7);
  EXPECT_EQ(up->out(), "");
  EXPECT_EQ(up->err(), "bulkhead: pod pod: container first: exit status 7\n");
}

// A layout of images that have busybox and a file, /which, with the image's name.
void MakeImages(const std::string& layout, Architecture architecture,
                const std::vector<std::string>& names) {
  const bool arm = architecture == Architecture::kAarch64;
  const std::string programs = arm ? CacheDirectory() + "/programs/arm64" : "";
  OciLayoutWriter writer(layout);
  for (const std::string& name : names) {
    LayerEntry program;
    program.path = "bin/busybox";
    program.data = ReadFileOrDie(programs + "/bin/busybox");
    program.mode = 0755;
    LayerEntry which;
    which.path = "which";
    which.data = name + "\n";
    OciLayoutWriter::Image image;
    image.tag = name;
    image.arch = arm ? "arm64" : "amd64";
    image.config_json = R"({"Cmd": ["/bin/busybox", "cat", "/which"]})";
    image.layers = {MakeLayer({program, which})};
    ASSERT_TRUE(writer.Add(image).ok());
  }
  ASSERT_TRUE(writer.Finish().ok());
}

// Each image is a disk of the pod's; the one that two have is one.
TEST_P(Up, ContainersOfDifferentImages) {
  const std::string layout = directory_ / "layout";
  ASSERT_NO_FATAL_FAILURE(MakeImages(layout, GetParam(), {"first", "second", "third"}));
  std::string containers;
  for (const auto& [name, tag] : {std::pair("a", "first"), std::pair("b", "second"),
                                  std::pair("c", "third"), std::pair("d", "second")}) {
    containers += std::string("  - {name: ") + name + ", image: 'oci:" + layout + ":" + tag +
                  "', resources: {limits: {memory: 32Mi}}}\n";
  }
  const auto up = Start(PodOf("pod", "", containers, kOnce));
  ASSERT_TRUE(up->RunToEnd());
  EXPECT_EQ(up->status(), 0) << up->err();
  for (const char* line :
       {"pod/a | first\n", "pod/b | second\n", "pod/c | third\n", "pod/d | second\n"}) {
    EXPECT_EQ(Count(up->out(), line), 1u) << line << "in\n" << up->out();
  }
}

TEST_P(Up, DeadlineOfOne) {
  const auto up =
      Start(Pod("slow", "sleep 1000", "  activeDeadlineSeconds: 2\n" + std::string(kOnce)) +
            Pod("quick", "echo done", kOnce));
  ASSERT_TRUE(up->RunToEnd());
  EXPECT_EQ(up->status(), 125);
  EXPECT_NE(up->out().find("quick/main | done\n"), std::string::npos) << up->out();
  EXPECT_NE(up->err().find("bulkhead: pod slow: the container ran longer than 2 s"),
            std::string::npos)
      << up->err();
}

INSTANTIATE_TEST_SUITE_P(All, Up, testing::ValuesIn(kArchitectures),
                         testing::PrintToStringParamName());

}  // namespace
}  // namespace bulkhead
