// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "cli/manifest/manifest.h"

#include <algorithm>
#include <array>
#include <limits>
#include <map>
#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "cli/capabilities.h"
#include "cli/failure.h"
#include "cli/manifest/expansion.h"
#include "cli/manifest/fields.h"
#include "cli/manifest/image_name.h"
#include "cli/manifest/yaml_tree.h"
#include "guest/agent/pod_spec.h"
#include "guest/agent/protocol.h"

namespace bulkhead {
namespace {

using Names = std::span<const std::string_view>;

constexpr uint32_t kOneCpu = 1000;  // thousandths
constexpr uint64_t kPage = 4096;
constexpr uint64_t kLeastMemory = uint64_t{1} << 20;
constexpr uint64_t kMaxPodMemory = uint64_t{1} << 40;
constexpr uint64_t kMaxId = std::numeric_limits<int32_t>::max();
constexpr uint64_t kMaxSeconds = 100'000'000;
constexpr size_t kMaxPath = 4095;  // bytes (PATH_MAX)
constexpr size_t kMaxMounts = 64;  // of a container

// What Kubernetes has (v1.31) and this does not.
constexpr std::string_view kOtherDocument[] = {"status"};
constexpr std::string_view kOtherMetadata[] = {"creationTimestamp",
                                               "deletionGracePeriodSeconds",
                                               "deletionTimestamp",
                                               "finalizers",
                                               "generateName",
                                               "generation",
                                               "managedFields",
                                               "ownerReferences",
                                               "resourceVersion",
                                               "selfLink",
                                               "uid"};
constexpr std::string_view kOtherSpec[] = {"affinity",          "dnsConfig",
                                           "dnsPolicy",         "ephemeralContainers",
                                           "hostAliases",       "hostUsers",
                                           "imagePullSecrets",  "nodeName",
                                           "nodeSelector",      "os",
                                           "overhead",          "preemptionPolicy",
                                           "priority",          "priorityClassName",
                                           "readinessGates",    "resourceClaims",
                                           "resources",         "runtimeClassName",
                                           "schedulerName",     "schedulingGates",
                                           "serviceAccount",    "serviceAccountName",
                                           "setHostnameAsFQDN", "subdomain",
                                           "tolerations",       "topologySpreadConstraints"};
constexpr std::string_view kOtherContainer[] = {"envFrom",
                                                "lifecycle",
                                                "livenessProbe",
                                                "readinessProbe",
                                                "resizePolicy",
                                                "restartPolicy",
                                                "startupProbe",
                                                "terminationMessagePath",
                                                "terminationMessagePolicy",
                                                "volumeDevices"};
constexpr std::string_view kOtherPodSecurity[] = {
    "appArmorProfile",          "fsGroup",        "fsGroupChangePolicy",
    "seLinuxChangePolicy",      "seLinuxOptions", "supplementalGroups",
    "supplementalGroupsPolicy", "sysctls",        "windowsOptions"};
constexpr std::string_view kOtherSecurity[] = {"appArmorProfile", "procMount", "seLinuxOptions",
                                               "windowsOptions"};
constexpr std::string_view kOtherResources[] = {"claims"};
constexpr std::string_view kOtherAmounts[] = {"ephemeral-storage", "hugepages-1Gi",
                                              "hugepages-2Mi"};
constexpr std::string_view kOtherEnv[] = {"valueFrom"};
constexpr std::string_view kOtherMount[] = {"mountPropagation", "recursiveReadOnly", "subPath",
                                            "subPathExpr"};
constexpr std::string_view kOtherVolume[] = {"awsElasticBlockStore",
                                             "azureDisk",
                                             "azureFile",
                                             "cephfs",
                                             "cinder",
                                             "configMap",
                                             "csi",
                                             "downwardAPI",
                                             "ephemeral",
                                             "fc",
                                             "flexVolume",
                                             "flocker",
                                             "gcePersistentDisk",
                                             "gitRepo",
                                             "glusterfs",
                                             "hostPath",
                                             "image",
                                             "iscsi",
                                             "nfs",
                                             "persistentVolumeClaim",
                                             "photonPersistentDisk",
                                             "portworxVolume",
                                             "projected",
                                             "quobyte",
                                             "rbd",
                                             "scaleIO",
                                             "secret",
                                             "storageos",
                                             "vsphereVolume"};
constexpr std::string_view kOtherPort[] = {"hostIP", "hostPort"};

// A DNS label (RFC 1123), which all names here are.
bool IsLabel(const std::string& name) {
  const auto is_inner = [](char c) {
    return absl::ascii_islower(c) || absl::ascii_isdigit(c) || c == '-';
  };
  return !name.empty() && name.size() <= 63 && name.front() != '-' && name.back() != '-' &&
         std::all_of(name.begin(), name.end(), is_inner);
}

std::string TakeName(Fields* fields, std::string_view field, bool required) {
  const std::optional<std::string> name = fields->String(field);
  if (!name.has_value()) {
    if (required) fields->Error(field, " is missing; give it a name");
    return "";
  }
  if (!IsLabel(*name)) {
    fields->Error(field, " is '", Printable(*name, 100),
                  "'; write up to 63 small letters, digits and -, not at its ends");
  }
  return *name;
}

// Fields that say what is so anyway.
void OnlyFalse(Fields* fields, std::initializer_list<std::string_view> names) {
  for (const std::string_view name : names) {
    if (fields->Bool(name).value_or(false)) {
      fields->Error(name, ": true is not supported; remove it");
    }
  }
}

// Text under names of any kind, which nothing here looks at.
void CheckTexts(Fields* parent, std::string_view name) {
  const YamlField* const field = parent->Take(name);
  if (field == nullptr) return;
  Fields texts(&field->value, parent->Path(name), parent->errors());
  for (const YamlField& text : field->value.fields) texts.String(text.name);
}

// Who the container runs as; the container's own setting goes before the pod's.
struct Identity {
  std::optional<uint64_t> user;
  std::optional<uint64_t> group;
  std::optional<bool> non_root;
};

void TakeIdentity(Fields* security, Identity* identity) {
  if (const auto user = security->Integer("runAsUser", kMaxId)) identity->user = user;
  if (const auto group = security->Integer("runAsGroup", kMaxId)) identity->group = group;
  if (const auto non_root = security->Bool("runAsNonRoot")) identity->non_root = non_root;
  Fields seccomp = security->Object("seccompProfile");
  const std::optional<std::string> type = seccomp.String("type");
  if (type.has_value() && *type != "RuntimeDefault") {
    seccomp.Error("type", " is ", Printable(*type, 100), "; only RuntimeDefault is supported");
  }
  constexpr std::string_view kOther[] = {"localhostProfile"};
  seccomp.RefuseOthers(kOther);
}

void SetUser(const Identity& identity, Fields* container, ContainerRequest* out) {
  if (identity.user.has_value()) {
    // A number, whatever the image's /etc/passwd calls by that name.
    out->user = "+" + std::to_string(*identity.user);
    if (identity.group.has_value()) out->user += ":+" + std::to_string(*identity.group);
  } else if (identity.group.has_value()) {
    container->Error("securityContext", " has runAsGroup without runAsUser; add runAsUser");
  }
  if (identity.non_root.value_or(false) && identity.user.value_or(0) == 0) {
    container->Error("securityContext",
                     " has runAsNonRoot, and runAsUser is absent or 0; give runAsUser a number");
  }
}

std::vector<std::string> TakeCapabilities(Fields* capabilities, std::string_view name, bool* all) {
  std::vector<std::string> out;
  for (std::string capability : capabilities->Strings(name).value_or(std::vector<std::string>())) {
    if (capability == "ALL" || capability == "all") {
      *all = true;
      continue;
    }
    if (!capability.starts_with("CAP_")) capability = "CAP_" + capability;
    if (!IsCapability(capability)) {
      capabilities->Error(name, " has ", Printable(capability, 100),
                          ", which is no capability; see capabilities(7)");
    }
    out.push_back(capability);
  }
  return out;
}

void TakeSecurity(Fields* container, Identity identity, ContainerRequest* out) {
  Fields security = container->Object("securityContext");
  TakeIdentity(&security, &identity);
  SetUser(identity, container, out);
  out->read_only_root = security.Bool("readOnlyRootFilesystem").value_or(false);
  out->no_new_privileges = !security.Bool("allowPrivilegeEscalation").value_or(true);
  OnlyFalse(&security, {"privileged"});
  Fields capabilities = security.Object("capabilities");
  out->add_capabilities = TakeCapabilities(&capabilities, "add", &out->add_all_capabilities);
  out->drop_capabilities = TakeCapabilities(&capabilities, "drop", &out->drop_all_capabilities);
  for (const std::string& added : out->add_capabilities) {
    const auto& dropped = out->drop_capabilities;
    if (std::find(dropped.begin(), dropped.end(), added) != dropped.end()) {
      capabilities.Error("drop", " has ", added, ", which is added, too; remove one of them");
    }
  }
  capabilities.RefuseOthers({});
  security.RefuseOthers(kOtherSecurity);
}

bool IsVariableName(const std::string& name) {
  const auto is_inner = [](char c) {
    return absl::ascii_isalnum(c) || c == '_' || c == '-' || c == '.';
  };
  return !name.empty() && !absl::ascii_isdigit(name[0]) &&
         std::all_of(name.begin(), name.end(), is_inner);
}

// Expands a container's words and keeps count of what they come to: variables that are made of
// variables could grow without bound.
class Expander {
 public:
  explicit Expander(Fields* container) : container_(container) {}

  std::string Expand(std::string_view field, const std::string& text) {
    std::optional<std::string> out = ExpandVariables(text, variables_);
    total_ += out.has_value() ? out->size() : 0;
    if (!out.has_value() || total_ > kMaxWordsBytes) {
      container_->Error(field, " is longer than a container's words may be; shorten it");
      return "";
    }
    return *std::move(out);
  }
  // False: there is one of that name.
  bool Define(const std::string& name, const std::string& value) {
    return variables_.emplace(name, value).second;
  }

 private:
  Fields* const container_;
  std::map<std::string, std::string> variables_;
  size_t total_ = 0;
};

void TakeEnvironment(Fields* container, Expander* expander, ContainerRequest* out) {
  size_t index = 0;
  for (const YamlNode& item : container->List("env")) {
    Fields variable(&item, container->Path("env", index++), container->errors());
    const std::string name = variable.String("name").value_or("");
    if (!IsVariableName(name)) {
      variable.Error("name", " names no variable; use letters, digits and _-., not first a digit");
    }
    const std::string value = expander->Expand("env", variable.String("value").value_or(""));
    variable.RefuseOthers(kOtherEnv);
    if (!expander->Define(name, value)) {
      variable.Error("name", ": there is a variable ", Printable(name, 100),
                     " before it; remove one of them");
    }
    out->env.push_back(name + "=" + value);
  }
}

std::optional<std::vector<std::string>> TakeWords(Fields* container, std::string_view name,
                                                  Expander* expander) {
  std::optional<std::vector<std::string>> words = container->Strings(name);
  // An empty list is the image's own, as in Kubernetes.
  if (!words.has_value() || words->empty()) return std::nullopt;
  for (std::string& word : *words) word = expander->Expand(name, word);
  return words;
}

void TakeImage(Fields* container, ContainerRequest* out) {
  const std::optional<std::string> text = container->String("image");
  if (!text.has_value()) return container->Error("image", " is missing; name an image");
  const std::optional<ImageName> name = ParseImageName(*text);
  if (!name.has_value()) {
    return container->Error("image", " is '", Printable(*text, 100),
                            "', which is no image; write [HOST/]NAME[:TAG], oci:DIR, "
                            "oci-archive:FILE, docker-archive:FILE or example:NAME");
  }
  out->image = name->image;
  out->pull = name->pull;
  const std::optional<std::string> policy = container->String("imagePullPolicy");
  if (!policy.has_value()) return;
  if (*policy == "Always") {
    out->pull = PullPolicy::kAlways;
  } else if (*policy == "Never") {
    out->pull = PullPolicy::kNever;
  } else if (*policy == "IfNotPresent") {
    out->pull = PullPolicy::kMissing;
  } else {
    container->Error("imagePullPolicy", " is ", Printable(*policy, 100),
                     "; write Always, IfNotPresent or Never");
  }
}

// Ports are information: nothing is open or closed because of them.
void CheckPorts(Fields* container) {
  size_t index = 0;
  for (const YamlNode& item : container->List("ports")) {
    Fields port(&item, container->Path("ports", index++), container->errors());
    const std::optional<uint64_t> number = port.Integer("containerPort", 65535);
    if (number.value_or(0) == 0) {
      port.Error("containerPort", " is missing or 0; write a number from 1 to 65535");
    }
    port.String("name");
    const std::string protocol = port.String("protocol").value_or("TCP");
    if (protocol != "TCP" && protocol != "UDP" && protocol != "SCTP") {
      port.Error("protocol", " is ", Printable(protocol, 100), "; write TCP, UDP or SCTP");
    }
    port.RefuseOthers(kOtherPort);
  }
}

struct Amounts {
  std::optional<uint64_t> cpu;  // thousandths
  std::optional<uint64_t> memory;
};

Amounts TakeAmounts(Fields* resources, std::string_view name) {
  Fields fields = resources->Object(name);
  Amounts out = {fields.Quantity("cpu", kOneCpu), fields.Quantity("memory", 1)};
  if (out.cpu.value_or(0) > kOneCpu) {
    fields.Error("cpu", " is more than one CPU, which is not supported yet; ask for at most 1");
  }
  if (out.memory.value_or(0) > kMaxPodMemory) {
    fields.Error("memory", " is more than 1 TiB, which is not supported; ask for less");
  } else if (out.memory.value_or(kLeastMemory) < kLeastMemory) {
    fields.Error("memory", " is less than 1 MiB; 128Mi is 128 MiB, and 128m a part of a byte");
  }
  fields.RefuseOthers(kOtherAmounts);
  return out;
}

// What a container adds to its pod.
struct Share {
  uint64_t memory = 0;
  uint32_t cpu_limit = 0;  // 0: none
  uint32_t cpu_request = 0;
};

Share TakeResources(Fields* container, ContainerRequest* out) {
  Fields resources = container->Object("resources");
  const Amounts limits = TakeAmounts(&resources, "limits");
  const Amounts requests = TakeAmounts(&resources, "requests");
  resources.RefuseOthers(kOtherResources);
  if (requests.cpu > limits.cpu && limits.cpu.has_value()) {
    resources.Error("requests", ".cpu is more than its limit; raise the limit");
  }
  if (requests.memory > limits.memory && limits.memory.has_value()) {
    resources.Error("requests", ".memory is more than its limit; raise the limit");
  }
  out->memory_limit = limits.memory.value_or(0);
  out->cpu_limit = static_cast<uint32_t>(limits.cpu.value_or(0));
  out->cpu_request = static_cast<uint32_t>(requests.cpu.value_or(out->cpu_limit));
  // An init container that says nothing has what is there for the others.
  const uint64_t otherwise = out->init ? 0 : kDefaultPodMemory;
  return {limits.memory.value_or(requests.memory.value_or(otherwise)), out->cpu_limit,
          out->cpu_request};
}

// What a pod's containers come to, as Kubernetes counts: the sum of those that run together, or the
// largest of those that run alone before them.
class PodTotal {
 public:
  void Add(const Share& share, bool init) {
    const auto add = [init](auto* together, auto* alone, auto amount) {
      if (init) {
        *alone = std::max(*alone, amount);
      } else {
        *together += amount;
      }
    };
    add(&together_.memory, &alone_.memory, share.memory);
    add(&together_.cpu_limit, &alone_.cpu_limit, share.cpu_limit);
    add(&together_.cpu_request, &alone_.cpu_request, share.cpu_request);
    unlimited_ |= share.cpu_limit == 0;
  }

  uint64_t memory() const { return std::max(together_.memory, alone_.memory); }
  uint32_t cpu_request() const { return std::max(together_.cpu_request, alone_.cpu_request); }
  // None if one of them has none; what is more than there is limits nothing.
  uint32_t cpu_limit() const {
    return unlimited_ ? 0 : std::min(std::max(together_.cpu_limit, alone_.cpu_limit), kOneCpu);
  }

 private:
  Share together_;
  Share alone_;
  bool unlimited_ = false;
};

// An absolute path without ".." and with single slashes. None: it is not such a path.
std::optional<std::string> MountPath(const std::string& path) {
  if (path.empty() || path[0] != '/' || path.size() > kMaxPath) return std::nullopt;
  std::string out;
  for (const absl::string_view part : absl::StrSplit(path, '/', absl::SkipEmpty())) {
    if (part == "." || part == "..") return std::nullopt;
    absl::StrAppend(&out, "/", part);
  }
  if (out.empty() || out.find(':') != std::string::npos) return std::nullopt;
  return out;
}

using VolumeNames = std::vector<std::string>;

void TakeMounts(Fields* container, const VolumeNames& volumes, ContainerRequest* out) {
  const std::span<const YamlNode> list = container->List("volumeMounts");
  if (list.size() > kMaxMounts) {
    return container->Error("volumeMounts", " has more than ", kMaxMounts, "; mount fewer");
  }
  for (size_t i = 0; i < list.size(); ++i) {
    Fields fields(&list[i], container->Path("volumeMounts", i), container->errors());
    ContainerRequest::Mount& mount = out->mounts.emplace_back();
    const std::string name = TakeName(&fields, "name", /*required=*/true);
    const auto volume = std::find(volumes.begin(), volumes.end(), name);
    mount.volume = static_cast<size_t>(volume - volumes.begin());
    if (volume == volumes.end()) {
      fields.Error("name", " is ", Printable(name, 100),
                   ", and spec.volumes has no volume of that name; add one");
    }
    const std::string path = fields.String("mountPath").value_or("");
    mount.path = MountPath(path).value_or("");
    if (mount.path.empty()) {
      fields.Error("mountPath", " is '", Printable(path, 100),
                   "'; write an absolute path without .. and :, not /");
    }
    const auto same = [&mount](const auto& other) { return other.path == mount.path; };
    if (std::any_of(out->mounts.begin(), out->mounts.end() - 1, same)) {
      fields.Error("mountPath", " is ", Printable(mount.path, 100),
                   ", where another volume is; choose another path");
    }
    mount.read_only = fields.Bool("readOnly").value_or(false);
    fields.RefuseOthers(kOtherMount);
  }
}

Share TakeContainer(Fields* container, const Identity& identity, const VolumeNames& volumes,
                    ContainerRequest* out) {
  ContainerRequest& request = *out;
  request.name = TakeName(container, "name", /*required=*/true);
  TakeImage(container, &request);
  Expander expander(container);
  TakeEnvironment(container, &expander, &request);
  request.entrypoint = TakeWords(container, "command", &expander);
  request.command = TakeWords(container, "args", &expander);
  request.workdir = container->String("workingDir").value_or("");
  if (!request.workdir.empty() && request.workdir[0] != '/') {
    container->Error("workingDir", " is not absolute; begin it with /");
  }
  TakeSecurity(container, identity, &request);
  const Share share = TakeResources(container, &request);
  TakeMounts(container, volumes, &request);
  CheckPorts(container);
  OnlyFalse(container, {"stdin", "stdinOnce", "tty"});
  container->RefuseOthers(kOtherContainer);
  return share;
}

// Adds those of one of the lists to the pod's.
void TakeList(Fields* spec, std::string_view list, const Identity& identity,
              const VolumeNames& volumes, PodTotal* total, PodRequest* out) {
  size_t index = 0;
  for (const YamlNode& item : spec->List(list)) {
    Fields container(&item, spec->Path(list, index++), spec->errors());
    if (out->containers.size() == kAgentMaxContainers) {
      return container.errors()->Add(item.line, container.Path("name"),
                                     " is one container too many: a pod has at most ",
                                     kAgentMaxContainers, "; make several pods");
    }
    ContainerRequest request;
    request.init = list == "initContainers";
    total->Add(TakeContainer(&container, identity, volumes, &request), request.init);
    const auto same = [&](const ContainerRequest& other) { return other.name == request.name; };
    if (std::any_of(out->containers.begin(), out->containers.end(), same)) {
      container.Error("name", ": there is a container ", Printable(request.name, 100),
                      " before it; give one of them another name");
    }
    out->containers.push_back(std::move(request));
  }
}

void TakeContainers(Fields* spec, const Identity& identity, const VolumeNames& volumes,
                    PodRequest* out) {
  PodTotal total;
  TakeList(spec, "initContainers", identity, volumes, &total, out);
  if (spec->List("containers").empty()) {
    return spec->Error("containers", " has none; give the pod a container");
  }
  TakeList(spec, "containers", identity, volumes, &total, out);
  if (total.cpu_request() > kOneCpu) {
    spec->Error("containers", " request ", total.cpu_request(),
                "m of CPU together, and a pod has at most ", kOneCpu, "m; request less");
  }
  if (total.memory() > kMaxPodMemory) {
    spec->Error("containers", " have more than 1 TiB of memory together; ask for less");
  }
  out->cpu_limit = total.cpu_limit();
  out->cpu_request = total.cpu_request();
  out->memory_added = kPodMemoryOverhead;
  out->memory = (total.memory() + kPodMemoryOverhead + kPage - 1) / kPage * kPage;
  out->memory_setting = "the memory limit of pod " + out->name;
}

// In bytes; 0: none.
uint64_t TakeVolume(Fields* volume) {
  // A volume that says nothing more is an empty one, as in Kubernetes.
  Fields empty = volume->Object("emptyDir");
  const std::string medium = empty.String("medium").value_or("");
  if (!medium.empty() && medium != "Memory") {
    empty.Error("medium", " is ", Printable(medium, 100), "; write Memory, or remove it");
  }
  const std::optional<uint64_t> size = empty.Quantity("sizeLimit", 1);
  if (size.value_or(kPage) < kPage || size.value_or(0) > kMaxPodMemory) {
    empty.Error("sizeLimit", " is less than 4 KiB or more than 1 TiB; 64Mi is 64 MiB");
  }
  empty.RefuseOthers({});
  volume->RefuseOthers(kOtherVolume);
  return size.value_or(0);
}

VolumeNames TakeVolumes(Fields* spec, PodRequest* out) {
  VolumeNames names;
  size_t index = 0;
  for (const YamlNode& item : spec->List("volumes")) {
    Fields volume(&item, spec->Path("volumes", index++), spec->errors());
    if (names.size() == kMaxPodVolumes) {
      volume.errors()->Add(item.line, volume.Path("name"),
                           " is one volume too many: a pod has at most ", kMaxPodVolumes,
                           "; use fewer");
      break;
    }
    const std::string name = TakeName(&volume, "name", /*required=*/true);
    if (std::find(names.begin(), names.end(), name) != names.end()) {
      volume.Error("name", ": there is a volume ", Printable(name, 100),
                   " before it; give one of them another name");
    }
    names.push_back(name);
    out->volumes.push_back(TakeVolume(&volume));
  }
  return names;
}

void TakeRestartPolicy(Fields* spec, PodRequest* out) {
  const std::string policy = spec->String("restartPolicy").value_or("Always");
  if (policy == "Always") {
    out->restart = RestartPolicy::kAlways;
  } else if (policy == "OnFailure") {
    out->restart = RestartPolicy::kOnFailure;
  } else if (policy == "Never") {
    out->restart = RestartPolicy::kNever;
  } else {
    spec->Error("restartPolicy", " is ", Printable(policy, 100),
                "; write Always, OnFailure or Never");
  }
}

void TakeSpec(Fields* spec, PodRequest* out) {
  Fields security = spec->Object("securityContext");
  Identity identity;
  TakeIdentity(&security, &identity);
  security.RefuseOthers(kOtherPodSecurity);
  TakeRestartPolicy(spec, out);
  out->grace_seconds = static_cast<uint32_t>(
      spec->Integer("terminationGracePeriodSeconds", kMaxSeconds).value_or(30));
  const std::optional<uint64_t> deadline = spec->Integer("activeDeadlineSeconds", kMaxSeconds);
  if (deadline.has_value() && *deadline == 0) {
    spec->Error("activeDeadlineSeconds", " is 0; write a number of seconds, or remove it");
  }
  out->deadline_seconds = static_cast<uint32_t>(deadline.value_or(0));
  out->hostname = TakeName(spec, "hostname", /*required=*/false);
  const VolumeNames volumes = TakeVolumes(spec, out);
  TakeContainers(spec, identity, volumes, out);
  OnlyFalse(spec, {"automountServiceAccountToken", "enableServiceLinks", "hostIPC", "hostNetwork",
                   "hostPID", "shareProcessNamespace"});
  spec->RefuseOthers(kOtherSpec);
}

PodRequest TakePod(const YamlNode& document, FileErrors* errors) {
  PodRequest out;
  Fields pod(&document, "", errors);
  const std::string version = pod.String("apiVersion").value_or("");
  const std::string kind = pod.String("kind").value_or("");
  if (version != "v1" || kind != "Pod") {
    pod.Error(kind != "Pod" ? "kind" : "apiVersion", " is ",
              kind != "Pod" ? (kind.empty() ? "missing" : Printable(kind, 100))
                            : (version.empty() ? "missing" : Printable(version, 100)),
              "; only 'apiVersion: v1' with 'kind: Pod' is supported");
    return out;
  }
  Fields metadata = pod.Object("metadata");
  out.name = TakeName(&metadata, "name", /*required=*/true);
  const std::string space = metadata.String("namespace").value_or("default");
  if (space != "default") {
    metadata.Error("namespace", " is ", Printable(space, 100),
                   "; there is only default, so remove it");
  }
  CheckTexts(&metadata, "labels");
  CheckTexts(&metadata, "annotations");
  metadata.RefuseOthers(kOtherMetadata);
  Fields spec = pod.Object("spec");
  TakeSpec(&spec, &out);
  pod.RefuseOthers(kOtherDocument);
  return out;
}

}  // namespace

absl::StatusOr<std::vector<PodRequest>> ParseManifests(std::string_view text,
                                                       const std::string& file) {
  BULKHEAD_ASSIGN_OR_RETURN(const std::vector<YamlNode> documents, ParseYaml(text, file));
  FileErrors errors(file);
  std::vector<PodRequest> pods;
  std::map<std::string, int> lines;  // by name
  for (const YamlNode& document : documents) {
    PodRequest pod = TakePod(document, &errors);
    BULKHEAD_RETURN_IF_FAILED(errors.status());
    const auto [other, is_new] = lines.emplace(pod.name, document.line);
    if (!is_new) {
      errors.Add(document.line, "the pod ", pod.name, " is in line ", other->second,
                 ", too; give one of them another name");
      return errors.status();
    }
    pods.push_back(std::move(pod));
  }
  return pods;
}

}  // namespace bulkhead
