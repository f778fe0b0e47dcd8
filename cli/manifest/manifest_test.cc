// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "cli/manifest/manifest.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "cli/manifest/image_name.h"
#include "cli/manifest/quantity.h"

namespace bulkhead {
namespace {

using Words = std::vector<std::string>;

constexpr uint64_t kMiB = uint64_t{1} << 20;
constexpr size_t kMaxManifest = size_t{1} << 20;

std::string Error(const std::string& text) {
  const auto pods = ParseManifests(text, "f.yaml");
  return pods.ok() ? "(no error)" : std::string(pods.status().message());
}

// A pod with these lines in its spec and in its container.
std::string Pod(const std::string& spec, const std::string& container = "") {
  return "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\nspec:\n" + spec +
         "  containers:\n  - name: main\n    image: example:hello\n" + container;
}
std::string Container(const std::string& lines) { return Pod("", lines); }
// A pod with a volume v, and its container's mounts.
std::string Mounts(const std::string& mounts) {
  return Pod("  volumes: [{name: v}]\n", "    volumeMounts: [" + mounts + "]\n");
}

PodRequest Parse(const std::string& text) {
  const auto pods = ParseManifests(text, "f.yaml");
  EXPECT_TRUE(pods.ok()) << pods.status();
  return pods.ok() && pods->size() == 1 ? pods->front() : PodRequest();
}

TEST(Manifest, WhatIsSaidAndWhatIsNot) {
  const PodRequest least = Parse(Pod(""));
  EXPECT_EQ(least.name, "web");
  EXPECT_EQ(least.hostname, "");
  EXPECT_EQ(least.memory, 512 * kMiB + kPodMemoryOverhead);
  EXPECT_EQ(least.restart, RestartPolicy::kAlways);
  EXPECT_EQ(least.grace_seconds, 30u);
  EXPECT_EQ(least.deadline_seconds, 0u);
  EXPECT_EQ(least.containers[0].name, "main");
  EXPECT_EQ(least.containers[0].image, "example:hello");
  EXPECT_FALSE(least.containers[0].entrypoint.has_value());
  EXPECT_FALSE(least.containers[0].command.has_value());

  const PodRequest pod = Parse(Pod(
      "  restartPolicy: OnFailure\n  terminationGracePeriodSeconds: 0\n  hostname: other\n"
      "  activeDeadlineSeconds: 7\n  hostNetwork: false\n  enableServiceLinks: false\n"
      "  dnsPolicy:\n  nodeSelector: {}\n"
      "  securityContext: {runAsUser: 1, runAsGroup: 2, runAsNonRoot: true,"
      " seccompProfile: {type: RuntimeDefault}}\n",
      "    command: [sh, -c]\n    args: [\"echo $(WHO) $$(WHO) $(NOBODY)\", '1']\n"
      "    workingDir: /srv\n    imagePullPolicy: Never\n    tty: false\n"
      "    ports: [{containerPort: 80, name: http}]\n"
      "    env:\n    - {name: A, value: a}\n    - {name: WHO, value: $(A)b}\n    - {name: EMPTY}\n"
      "    resources:\n      limits: {cpu: 1, memory: 128Mi}\n      requests: {cpu: 250m}\n"
      "    securityContext:\n      runAsUser: 1000\n      readOnlyRootFilesystem: true\n"
      "      allowPrivilegeEscalation: false\n      privileged: false\n"
      "      capabilities: {add: [NET_RAW, CAP_KILL], drop: [ALL]}\n"));
  EXPECT_EQ(pod.restart, RestartPolicy::kOnFailure);
  EXPECT_EQ(pod.grace_seconds, 0u);
  EXPECT_EQ(pod.hostname, "other");
  EXPECT_EQ(pod.deadline_seconds, 7u);
  EXPECT_EQ(pod.memory, 128 * kMiB + kPodMemoryOverhead);
  EXPECT_EQ(pod.cpu_limit, 1000u);
  EXPECT_EQ(pod.cpu_request, 250u);
  const ContainerRequest& container = pod.containers.at(0);
  EXPECT_EQ(container.entrypoint, (Words{"sh", "-c"}));
  EXPECT_EQ(container.command, (Words{"echo ab $(WHO) $(NOBODY)", "1"}));
  EXPECT_EQ(container.env, (Words{"A=a", "WHO=ab", "EMPTY="}));
  EXPECT_EQ(container.workdir, "/srv");
  EXPECT_EQ(container.pull, PullPolicy::kNever);
  EXPECT_EQ(container.user, "+1000:+2");
  EXPECT_TRUE(container.read_only_root && container.no_new_privileges &&
              container.drop_all_capabilities);
  EXPECT_EQ(container.add_capabilities, (Words{"CAP_NET_RAW", "CAP_KILL"}));
}

TEST(Manifest, SeveralContainersAndVolumes) {
  const PodRequest pod = Parse(
      "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec:\n"
      "  volumes:\n  - {name: data, emptyDir: {sizeLimit: 16Mi}}\n"
      "  - {name: cache, emptyDir: {medium: Memory}}\n  - {name: plain}\n"
      "  initContainers:\n"
      "  - {name: prepare, image: i, resources: {limits: {memory: 300Mi, cpu: 500m}},\n"
      "     volumeMounts: [{name: cache, mountPath: /c//d/, readOnly: true}]}\n"
      "  containers:\n"
      "  - {name: one, image: i, resources: {limits: {memory: 64Mi, cpu: 200m}}}\n"
      "  - {name: two, image: i, resources: {requests: {memory: 32Mi, cpu: 100m},"
      " limits: {cpu: 400m}}}\n");
  ASSERT_EQ(pod.containers.size(), 3u);
  EXPECT_TRUE(pod.containers[0].init && !pod.containers[1].init && !pod.containers[2].init);
  EXPECT_EQ(pod.containers[2].name, "two");
  EXPECT_EQ(pod.volumes, (std::vector<uint64_t>{16 * kMiB, 0, 0}));
  ASSERT_EQ(pod.containers[0].mounts.size(), 1u);
  EXPECT_EQ(pod.containers[0].mounts[0].volume, 1u);
  EXPECT_EQ(pod.containers[0].mounts[0].path, "/c/d");
  EXPECT_TRUE(pod.containers[0].mounts[0].read_only);
  // The larger of 300 and 64 + 32; of 500 and 200 + 400; of 500 and 200 + 100.
  EXPECT_EQ(pod.memory, 300 * kMiB + kPodMemoryOverhead);
  EXPECT_EQ(pod.cpu_limit, 600u);
  EXPECT_EQ(pod.cpu_request, 500u);
  EXPECT_EQ(pod.containers[1].memory_limit, 64 * kMiB);
  EXPECT_EQ(pod.containers[2].memory_limit, 0u);
  // Those that say nothing: each of the containers has the default.
  EXPECT_EQ(Parse(Pod("  initContainers: [{name: a, image: i}]\n")).memory,
            kDefaultPodMemory + kPodMemoryOverhead);
  EXPECT_EQ(Parse(Container("  - {name: b, image: i}\n")).memory,
            2 * kDefaultPodMemory + kPodMemoryOverhead);
  // Limits beyond the CPU limit nothing.
  const std::string most = "resources: {limits: {cpu: 700m}, requests: {cpu: 1m}}";
  EXPECT_EQ(Parse(Container("    " + most + "\n  - {name: b, image: i, " + most + "}\n")).cpu_limit,
            1000u);
}

TEST(Manifest, BoundsOfAPod) {
  std::string containers;
  for (int i = 0; i < 16; ++i) containers += "  - {name: c" + std::to_string(i) + ", image: i}\n";
  EXPECT_EQ(Error(Container(containers)),
            "f.yaml:24: spec.containers[16].name is one container too many: a pod has at most 16; "
            "make several pods");
  EXPECT_EQ(Error(Mounts("{name: w, mountPath: /a}")),
            "f.yaml:10: spec.containers[0].volumeMounts[0].name is w, and spec.volumes has no "
            "volume of that name; add one");
}

TEST(Manifest, Images) {
  const std::string digest = "@sha256:" + std::string(64, 'a');
  const auto image = [](const std::string& name) {
    return ParseImageName(name).value_or(ImageName{"(none)", PullPolicy::kNever});
  };
  EXPECT_EQ(image("nginx").image, "docker://nginx");
  EXPECT_EQ(image("nginx").pull, PullPolicy::kAlways);
  EXPECT_EQ(image("host:5000/nginx").pull, PullPolicy::kAlways);
  EXPECT_EQ(image("nginx:latest").pull, PullPolicy::kAlways);
  EXPECT_EQ(image("nginx:1.25").pull, PullPolicy::kMissing);
  EXPECT_EQ(image("nginx:1" + digest).image, "docker://nginx" + digest);
  EXPECT_EQ(image("nginx" + digest).pull, PullPolicy::kMissing);
  EXPECT_EQ(image("docker:dind").image, "docker://docker:dind");
  EXPECT_EQ(image("docker://nginx").image, "docker://nginx");
  EXPECT_EQ(image("docker://nginx").pull, PullPolicy::kAlways);
  EXPECT_EQ(image("oci:./redis:latest").image, "oci:./redis:latest");
  EXPECT_EQ(image("oci:./redis:latest").pull, PullPolicy::kMissing);
  for (const char* bad : {"", "a b", "--help", "Nginx", "nginx:", "nginx@sha256:00", "/nginx",
                          "nginx/", "host:port/nginx"}) {
    EXPECT_EQ(image(bad).image, "(none)") << bad;
  }
}

TEST(Manifest, DocumentsOfOneFile) {
  const auto pods = ParseManifests("# nothing\n---\n---\n" + Pod("") +
                                       "---\napiVersion: v1\n"
                                       "kind: Pod\nmetadata: {name: b, creationTimestamp: null}\n"
                                       "spec: {containers: [{name: c, image: i}]}\nstatus: {}\n",
                                   "f.yaml");
  ASSERT_TRUE(pods.ok()) << pods.status();
  ASSERT_EQ(pods->size(), 2u);
  EXPECT_EQ((*pods)[1].name, "b");
  EXPECT_TRUE(ParseManifests("", "f.yaml")->empty());
  EXPECT_EQ(Error(Pod("") + "---\n" + Pod("")),
            "f.yaml:10: the pod web is in line 1, too; give one of them another name");
}

TEST(Manifest, NamesFieldAndLine) {
  EXPECT_EQ(Error(Container("    livenessProbe: {exec: {command: [x]}}\n")),
            "f.yaml:9: spec.containers[0].livenessProbe is not supported; remove it");
  EXPECT_EQ(Error(Container("    comand: [x]\n")),
            "f.yaml:9: spec.containers[0].comand is not a field that Kubernetes has there; check "
            "its spelling");
  EXPECT_EQ(Error(Pod("  restartPolicy: Sometimes\n")),
            "f.yaml:6: spec.restartPolicy is Sometimes; write Always, OnFailure or Never");
  EXPECT_EQ(Error(Container("    env: [{name: A, value: 5}]\n")),
            "f.yaml:9: spec.containers[0].env[0].value is 5, which is not text; put it in quotes");
  EXPECT_EQ(Error("a: 1\na: 2\n"), "f.yaml:2: 'a' is there twice; remove one of them");
}

TEST(Manifest, RefusesWithAdvice) {
  for (const std::string& text : std::vector<std::string>{
           "kind: Pod\n",
           "apiVersion: v1\nkind: Service\n",
           "- a list\n",
           "just text\n",
           "apiVersion: v1\nkind: Pod\nspec: {containers: [{name: a, image: i}]}\n",
           "apiVersion: v1\nkind: Pod\nmetadata: {name: Web}\nspec: {}\n",
           "apiVersion: v1\nkind: Pod\nmetadata: {name: a, namespace: b}\nspec: {}\n",
           "apiVersion: v1\nkind: Pod\nmetadata: {name: a, labels: {b: 1}}\nspec: {}\n",
           "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\n",
           "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: {}}\n",
           "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [5]}\n",
           "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: a}]}\n",
           Pod("  initContainers: [{name: a}]\n"),
           Pod("  initContainers: [{name: main, image: i}]\n"),
           Pod("  initContainers: [{name: a, image: i, restartPolicy: Always}]\n"),
           Container("  - {name: main, image: i}\n"),
           Container("    resources: {requests: {cpu: 600m}}\n"
                     "  - {name: b, image: i, resources: {requests: {cpu: 600m}}}\n"),
           Pod("  volumes: [{emptyDir: {}}]\n"),
           Pod("  volumes: [{name: a}, {name: a}]\n"),
           Pod("  volumes: [{name: a, hostPath: {path: /}}]\n"),
           Pod("  volumes: [{name: a, emptyDir: {medium: HugePages}}]\n"),
           Pod("  volumes: [{name: a, emptyDir: {sizeLimit: 64m}}]\n"),
           Pod("  volumes: [{name: a, emptyDir: {size: 64Mi}}]\n"),
           Container("    volumeMounts: [{name: a, mountPath: /a}]\n"),
           Container("    volumeMounts: [{mountPath: /a}]\n"),
           Mounts("{name: v}"),
           Mounts("{name: v, mountPath: a}"),
           Mounts("{name: v, mountPath: /}"),
           Mounts("{name: v, mountPath: /a/../b}"),
           Mounts("{name: v, mountPath: '/a:b'}"),
           Mounts("{name: v, mountPath: /a}, {name: v, mountPath: /a/}"),
           Mounts("{name: v, mountPath: /a, subPath: b}"),
           Mounts("{name: v, mountPath: /a, readOnly: 1}"),
           Pod("  hostNetwork: true\n"),
           Pod("  activeDeadlineSeconds: -1\n"),
           Pod("  activeDeadlineSeconds: 0\n"),
           Pod("  hostname: a.b\n"),
           Pod("  securityContext: {runAsGroup: 5}\n"),
           Pod("  securityContext: {runAsNonRoot: true}\n"),
           Pod("  securityContext: {fsGroup: 5}\n"),
           Pod("  securityContext: {seccompProfile: {type: Unconfined}}\n"),
           Container("    command: sh\n"),
           Container("    command: [[sh]]\n"),
           Container("    command: [1]\n"),
           Container("    args: [\"a\\0b\"]\n"),
           Container("    workingDir: srv\n"),
           Container("    imagePullPolicy: Often\n"),
           Container("    env: [{name: A=B}]\n"),
           Container("    env: [{name: A, valueFrom: {fieldRef: {fieldPath: x}}}]\n"),
           Container("    tty: true\n"),
           Container("    tty: maybe\n"),
           Container("    ports: [{containerPort: 70000}]\n"),
           Container("    ports: [{containerPort: 80, hostPort: 80}]\n"),
           Container("    resources: {limits: {cpu: 1500m}}\n"),
           Container("    resources: {limits: {memory: 2Ti}}\n"),
           Container("    resources: {limits: {memory: lots}}\n"),
           Container("    resources: {limits: {memory: 128m}}\n"),
           Container("    resources: {limits: {memory: 0}}\n"),
           Container("    env: [{name: A}, {name: A}]\n"),
           Container("    env: [{name: A, value: yes}]\n"),
           Container("    resources: {limits: {memory: 1Mi}, requests: {memory: 2Mi}}\n"),
           Container("    resources: {limits: {cpu: 100m}, requests: {cpu: 200m}}\n"),
           Container("    resources: {limits: {ephemeral-storage: 1Gi}}\n"),
           Container("    securityContext: {privileged: true}\n"),
           Container("    securityContext: {capabilities: {add: [FLY]}}\n"),
           Container("    securityContext: {capabilities: {add: [KILL], drop: [KILL]}}\n"),
           "a: \xff\n",
           std::string(kMaxManifest + 1, '#'),
       }) {
    const std::string error = Error(text);
    EXPECT_EQ(error.rfind("f.yaml:", 0), 0u) << error << " of\n" << text;
    EXPECT_NE(error.find(';'), std::string::npos) << error;
    EXPECT_EQ(error.find('\n'), std::string::npos) << error;
  }
}

// Each is twice as long as the one before.
TEST(Manifest, VariablesDoNotGrowWithoutBound) {
  std::string env = "    env:\n    - {name: V0, value: '0123456789abcdef'}\n";
  for (int i = 1; i < 60; ++i) {
    const std::string before = "$(V" + std::to_string(i - 1) + ")";
    env += "    - {name: V" + std::to_string(i) + ", value: " + before + before + "}\n";
  }
  const std::string error = Error(Container(env));
  EXPECT_NE(error.find("longer than a container's words may be"), std::string::npos) << error;
}

TEST(Manifest, YamlThatIsNotForThis) {
  EXPECT_EQ(Error("a: &x 1\nb: *x\n").rfind("f.yaml:1: anchors", 0), 0u) << Error("a: &x 1\n");
  EXPECT_EQ(Error("a: !!str 1\n").rfind("f.yaml:1: tags", 0), 0u);
  EXPECT_EQ(Error("[a]: b\n").rfind("f.yaml:1: ", 0), 0u);
  EXPECT_EQ(Error("a: [\n").rfind("f.yaml:", 0), 0u);
  EXPECT_EQ(Error("a: \"\x01\n").rfind("f.yaml:", 0), 0u);
  EXPECT_NE(Error(std::string(40, '[') + std::string(40, ']')).find("too deeply"),
            std::string::npos);
  EXPECT_EQ(Error(std::string(100'000, '[')).rfind("f.yaml:", 0), 0u);
  EXPECT_NE(Error("[" + std::string(600'000, ',') + "]"), "(no error)");
}

TEST(Quantity, AsKubernetesReadsThem) {
  EXPECT_EQ(ParseQuantity("128Mi", 1), 128 * kMiB);
  EXPECT_EQ(ParseQuantity("1G", 1), 1'000'000'000u);
  EXPECT_EQ(ParseQuantity("1e3", 1), 1000u);
  EXPECT_EQ(ParseQuantity("1.5Ki", 1), 1536u);
  EXPECT_EQ(ParseQuantity("0.1", 1), 1u);  // rounded up
  EXPECT_EQ(ParseQuantity("1n", 1000), 1u);
  EXPECT_EQ(ParseQuantity("250m", 1000), 250u);
  EXPECT_EQ(ParseQuantity("1.5", 1000), 1500u);
  EXPECT_EQ(ParseQuantity("+2", 1000), 2000u);
  EXPECT_EQ(ParseQuantity("0", 1), 0u);
  EXPECT_EQ(ParseQuantity("15Ei", 1), uint64_t{15} << 60);
  for (const char* bad : {"", "-1", "m", ".", "1.2.3", "1 Mi", "1MI", "1e", "1e999", "16Ei", "99E",
                          "340282366920938463463374607431768211456", "e3", "1k5"}) {
    EXPECT_FALSE(ParseQuantity(bad, 1).has_value()) << bad;
  }
}

}  // namespace
}  // namespace bulkhead
