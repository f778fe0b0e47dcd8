// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include <gtest/gtest.h>

#include <algorithm>

#include "cli/capabilities.h"
#include "cli/files.h"
#include "cli/image_config.h"
#include "cli/json.h"
#include "cli/run_request.h"
#include "cli/runtime_config.h"
#include "cli/seccomp.h"
#include "cli/user_lookup.h"

namespace bulkhead {
namespace {

using Words = std::vector<std::string>;

constexpr Architecture kArch = Architecture::kX86_64;

constexpr char kPasswd[] =
    "root:x:0:0:root:/root:/bin/sh\n"
    "broken line\n"
    "www:x:33:34:web:/var/www:/bin/sh\n"
    "1000:x:77:78::/srv:/bin/sh\n"
    "big:x:99999999999:1::/:\n";
constexpr char kGroup[] =
    "root:x:0:\nwww:x:34:\nextra:x:50:www,other\nmore:x:51:other,www\nempty\n";

TEST(User, NamesAndNumbers) {
  EXPECT_EQ(LookUpUser("", kPasswd, kGroup)->uid, 0u);
  EXPECT_EQ(LookUpUser("", kPasswd, kGroup)->home, "/root");
  const ContainerUser www = *LookUpUser("www", kPasswd, kGroup);
  EXPECT_EQ(www.uid, 33u);
  EXPECT_EQ(www.gid, 34u);
  EXPECT_EQ(www.home, "/var/www");
  EXPECT_EQ(www.additional_gids, (std::vector<uint32_t>{50, 51}));
  EXPECT_EQ(LookUpUser("33", kPasswd, kGroup)->gid, 34u);
  EXPECT_EQ(LookUpUser("5", kPasswd, kGroup)->gid, 0u);
  EXPECT_EQ(LookUpUser("5:6", "", "")->gid, 6u);
  EXPECT_EQ(LookUpUser("www:extra", kPasswd, kGroup)->gid, 50u);
  EXPECT_TRUE(LookUpUser("www:extra", kPasswd, kGroup)->additional_gids.empty());
  EXPECT_EQ(LookUpUser("1000", kPasswd, kGroup)->uid, 77u);  // a name of digits
}

TEST(User, NumbersThatAreNoNames) {
  const std::string passwd = std::string(kPasswd) + "0:x:5:5::/:\nroot2:x:1001:0::/two:\n";
  EXPECT_EQ(LookUpUser("+1000", passwd, kGroup)->uid, 1000u);  // not the user "1000", who is 77
  EXPECT_EQ(LookUpUser("+0", passwd, kGroup)->uid, 0u);
  EXPECT_EQ(LookUpUser("+33", passwd, kGroup)->home, "/var/www");
  EXPECT_EQ(LookUpUser("+7:+8", passwd, "8:x:9:\n")->gid, 8u);
  for (const char* bad : {"+", "+x", "++1", "+1:+", "+1:+x", "+4294967295"}) {
    EXPECT_FALSE(LookUpUser(bad, ":x:1:1::/:\n", ":x:1:\n").ok()) << bad;
  }
}

TEST(User, WhatIsNotThere) {
  for (const char* bad : {"nobody", "www:nobody", "-1", "big", "4294967295", "99999999999"}) {
    EXPECT_FALSE(LookUpUser(bad, kPasswd, kGroup).ok()) << bad;
  }
}

// As `run` with these options would have it.
absl::StatusOr<Words> Arguments(const ImageConfig& image, const RunOptions& options) {
  const absl::StatusOr<PodRequest> pod = MakePodRequest(options);
  if (!pod.ok()) return pod.status();
  return ContainerArguments(image, pod->containers[0]);
}

TEST(Arguments, AsPodmanPutsThemTogether) {
  ImageConfig image;
  image.entrypoint = {"/entry", "-x"};
  image.command = {"cmd"};
  RunOptions options;
  EXPECT_EQ(*Arguments(image, options), (Words{"/entry", "-x", "cmd"}));
  options.command = {"mine", "too"};
  EXPECT_EQ(*Arguments(image, options), (Words{"/entry", "-x", "mine", "too"}));
  options.entrypoint = "/other";
  EXPECT_EQ(*Arguments(image, options), (Words{"/other", "mine", "too"}));
  options.command.clear();
  EXPECT_EQ(*Arguments(image, options), (Words{"/other"}));  // the image's Cmd goes with it
  options.entrypoint = R"(["/a", "b c"])";
  EXPECT_EQ(*Arguments(image, options), (Words{"/a", "b c"}));
  options.entrypoint = R"([1])";
  EXPECT_FALSE(Arguments(image, options).ok());
  options.entrypoint = "";
  EXPECT_FALSE(Arguments(image, options).ok());
  EXPECT_FALSE(Arguments(ImageConfig(), RunOptions()).ok());
}

TEST(Environment, LaterOnesWin) {
  ImageConfig image;
  image.env = {"PATH=/image", "A=1"};
  ContainerRequest request;
  request.env = {"A=2", "B=x=y", "BULKHEAD_TEST_HERE", "BULKHEAD_TEST_NOT_HERE"};
  setenv("BULKHEAD_TEST_HERE", "here", 1);
  const Words env = ContainerEnvironment(image, request, "h", "/root");
  const auto has = [&](const char* variable) {
    return std::count(env.begin(), env.end(), variable) == 1;
  };
  EXPECT_TRUE(has("PATH=/image") && has("A=2") && has("B=x=y") && has("HOSTNAME=h") &&
              has("BULKHEAD_TEST_HERE=here") && has("HOME=/root") && has("TERM=xterm"));
  EXPECT_EQ(env.size(), 8u);
}

TEST(ImageConfig, IgnoresWhatIsNotWellFormed) {
  const ImageConfig image = *ParseImageConfig(
      R"({"config": {"Entrypoint": "x", "Cmd": ["a", 3], "Env": ["A=1", "B", "=C"], "User": 7}})");
  EXPECT_TRUE(image.entrypoint.empty());
  EXPECT_EQ(image.command, (Words{"a"}));
  EXPECT_EQ(image.env, (Words{"A=1"}));
  EXPECT_EQ(image.user, "");
  EXPECT_FALSE(ParseImageConfig("{").ok());
  EXPECT_TRUE(ParseImageConfig("{}").ok());
}

constexpr char kProfile[] = R"({
  "defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 38, "defaultErrno": "ENOSYS",
  "archMap": [
    {"architecture": "SCMP_ARCH_X86_64", "subArchitectures": ["SCMP_ARCH_X86"]},
    {"architecture": "SCMP_ARCH_AARCH64", "subArchitectures": ["SCMP_ARCH_ARM"]}],
  "syscalls": [
    {"names": ["read"], "action": "SCMP_ACT_ALLOW", "args": [], "includes": {}, "excludes": {}},
    {"names": ["arm_only"], "action": "SCMP_ACT_ALLOW", "includes": {"arches": ["arm64"]}},
    {"names": ["x86"], "action": "SCMP_ACT_ALLOW", "includes": {"arches": ["amd64", "x32"]}},
    {"names": ["chroot"], "action": "SCMP_ACT_ALLOW", "includes": {"caps": ["CAP_SYS_CHROOT"]}},
    {"names": ["bpf"], "action": "SCMP_ACT_ALLOW", "includes": {"caps": ["CAP_SYS_ADMIN"]}},
    {"names": ["bpf"], "action": "SCMP_ACT_ERRNO", "errnoRet": 1,
     "excludes": {"caps": ["CAP_SYS_ADMIN"]}},
    {"names": ["socket"], "action": "SCMP_ACT_ALLOW",
     "args": [{"index": 0, "value": 16, "valueTwo": 0, "op": "SCMP_CMP_NE"}]}]})";

TEST(Seccomp, ConditionsAreResolved) {
  const Json out = *MakeSeccomp(kProfile, "amd64", DefaultCapabilities());
  EXPECT_EQ(out["defaultAction"], "SCMP_ACT_ERRNO");
  EXPECT_EQ(out["defaultErrnoRet"], 38);
  EXPECT_EQ(out["architectures"], (Json{"SCMP_ARCH_X86_64", "SCMP_ARCH_X86"}));
  Words names;
  for (const Json& rule : out["syscalls"]) {
    names.push_back(rule["names"][0].get<std::string>() + " " + rule["action"].get<std::string>());
    EXPECT_FALSE(rule.contains("includes") || rule.contains("excludes"));
  }
  EXPECT_EQ(names, (Words{"read SCMP_ACT_ALLOW", "x86 SCMP_ACT_ALLOW", "chroot SCMP_ACT_ALLOW",
                          "bpf SCMP_ACT_ERRNO", "socket SCMP_ACT_ALLOW"}));
  EXPECT_EQ(out["syscalls"][3]["errnoRet"], 1);
  EXPECT_EQ(out["syscalls"][4]["args"][0]["value"], 16);
  EXPECT_FALSE(MakeSeccomp("{}", "amd64", {}).ok());
}

TEST(RuntimeConfig, OfRootAndOfSomebodyElse) {
  ImageConfig image;
  image.command = {"/bin/true"};
  image.workdir = "/srv";
  PodRequest pod;
  pod.containers.emplace_back();
  pod.name = "pod";
  for (const char* user : {"", "www"}) {
    pod.containers[0].user = user;
    const ContainerSpec spec = *MakeContainerSpec(image, pod, 0, kArch, kPasswd, kGroup);
    const Json config = Json::parse(*MakeRuntimeConfig(spec, kProfile));
    const bool root = spec.user.uid == 0;
    const Json& process = config["process"];
    EXPECT_EQ(process["args"], (Json{"/bin/true"}).get<Json>());
    EXPECT_EQ(process["cwd"], "/srv");
    EXPECT_EQ(process["terminal"], false);
    EXPECT_EQ(process["user"]["uid"], root ? 0 : 33);
    EXPECT_EQ(process["capabilities"]["bounding"].size(), 11u);
    EXPECT_EQ(process["capabilities"]["effective"].size(), root ? 11u : 0u);
    EXPECT_EQ(config["root"]["path"], kContainerRoot);
    EXPECT_FALSE(config.contains("hostname"));  // the guest's is the pod's
    EXPECT_FALSE(config["linux"]["resources"].contains("memory"));
    EXPECT_FALSE(config["linux"]["resources"].contains("cpu"));
    EXPECT_TRUE(config["linux"].contains("seccomp"));
    for (const Json& space : config["linux"]["namespaces"]) {
      for (const char* shared : {"network", "uts", "ipc"}) EXPECT_NE(space["type"], shared);
    }
  }
  pod.containers[0].workdir = "/other";
  EXPECT_EQ(MakeContainerSpec(image, pod, 0, kArch, kPasswd, kGroup)->workdir, "/other");
}

TEST(Capabilities, AddedAndDropped) {
  ContainerRequest request;
  EXPECT_EQ(Capabilities(request).size(), DefaultCapabilities().size());
  request.drop_capabilities = {"CAP_KILL"};
  request.add_capabilities = {"CAP_NET_RAW"};
  const Words some = Capabilities(request);
  EXPECT_EQ(std::count(some.begin(), some.end(), "CAP_KILL"), 0);
  EXPECT_EQ(std::count(some.begin(), some.end(), "CAP_NET_RAW"), 1);
  EXPECT_EQ(some.size(), DefaultCapabilities().size());
  request.drop_all_capabilities = true;
  EXPECT_EQ(Capabilities(request), (Words{"CAP_NET_RAW"}));
  request.add_all_capabilities = true;
  EXPECT_EQ(Capabilities(request).size(), 40u);  // all but one
  EXPECT_TRUE(IsCapability("CAP_CHECKPOINT_RESTORE"));
  EXPECT_FALSE(IsCapability("CAP_EVERYTHING"));
}

TEST(RuntimeConfig, OfAStricterContainer) {
  ImageConfig image;
  image.command = {"/bin/true"};
  PodRequest pod;
  pod.containers.emplace_back();
  pod.containers[0].read_only_root = true;
  pod.containers[0].no_new_privileges = true;
  pod.containers[0].drop_all_capabilities = true;
  const ContainerSpec spec = *MakeContainerSpec(image, pod, 0, kArch, kPasswd, kGroup);
  const Json config = Json::parse(*MakeRuntimeConfig(spec, kProfile));
  EXPECT_EQ(config["root"]["readonly"], true);
  EXPECT_EQ(config["process"]["noNewPrivileges"], true);
  EXPECT_TRUE(config["process"]["capabilities"]["bounding"].empty());
}

TEST(RuntimeConfig, WithTheProfileOfThePackage) {
  const std::string profile = ReadFile(kSeccompProfile, 1 << 20).value_or("");
  ASSERT_NE(profile, "");
  const Json out = *MakeSeccomp(profile, "amd64", DefaultCapabilities());
  EXPECT_GT(out["syscalls"].size(), 5u);
}

TEST(RuntimeConfig, BytesThatAreNotUtf8) {
  ImageConfig image;
  image.command = {"/bin/\xff"};
  PodRequest pod;
  pod.containers.emplace_back();
  EXPECT_FALSE(MakeRuntimeConfig(*MakeContainerSpec(image, pod, 0, kArch, "", ""), kProfile).ok());
}

TEST(RuntimeConfig, OfOneAmongSeveral) {
  ImageConfig image;
  image.command = {"/bin/true"};
  PodRequest pod;
  pod.containers.resize(2);
  ContainerRequest& request = pod.containers[1];
  request.memory_limit = 64 << 20;
  request.cpu_limit = 250;
  request.cpu_request = 100;
  request.mounts = {{.volume = 1, .path = "/data/inner", .read_only = true},
                    {.volume = 0, .path = "/data"}};
  const auto config = [&](size_t container) {
    return Json::parse(*MakeRuntimeConfig(
        *MakeContainerSpec(image, pod, container, kArch, kPasswd, kGroup), kProfile));
  };
  const Json second = config(1);
  const Json& resources = second["linux"]["resources"];
  EXPECT_EQ(resources["memory"]["limit"], 64 << 20);
  EXPECT_EQ(resources["cpu"], (Json{{"period", 100000}, {"quota", 25000}, {"shares", 102}}));
  // The outer volume first.
  const Json& mounts = second["mounts"];
  EXPECT_EQ(mounts[mounts.size() - 2]["destination"], "/data");
  EXPECT_EQ(mounts[mounts.size() - 2]["source"], "/run/bulkhead/volumes/0");
  EXPECT_EQ(mounts[mounts.size() - 2]["options"], (Json{"rbind", "nodev", "rw"}));
  EXPECT_EQ(mounts[mounts.size() - 1]["destination"], "/data/inner");
  EXPECT_EQ(mounts[mounts.size() - 1]["options"], (Json{"rbind", "nodev", "ro"}));
  // Who asks for nothing has the least.
  EXPECT_EQ(config(0)["linux"]["resources"]["cpu"], (Json{{"shares", 2}}));
  // Alone, it has the virtual machine's share of the CPU.
  pod.containers.erase(pod.containers.begin());
  EXPECT_FALSE(config(0)["linux"]["resources"].contains("cpu"));
  EXPECT_TRUE(config(0)["linux"]["resources"].contains("memory"));
}

}  // namespace
}  // namespace bulkhead
