// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "cli/capabilities.h"

#include <algorithm>

namespace bulkhead {
namespace {

// By number (include/uapi/linux/capability.h).
constexpr std::string_view kAll[] = {"CAP_CHOWN",
                                     "CAP_DAC_OVERRIDE",
                                     "CAP_DAC_READ_SEARCH",
                                     "CAP_FOWNER",
                                     "CAP_FSETID",
                                     "CAP_KILL",
                                     "CAP_SETGID",
                                     "CAP_SETUID",
                                     "CAP_SETPCAP",
                                     "CAP_LINUX_IMMUTABLE",
                                     "CAP_NET_BIND_SERVICE",
                                     "CAP_NET_BROADCAST",
                                     "CAP_NET_ADMIN",
                                     "CAP_NET_RAW",
                                     "CAP_IPC_LOCK",
                                     "CAP_IPC_OWNER",
                                     "CAP_SYS_MODULE",
                                     "CAP_SYS_RAWIO",
                                     "CAP_SYS_CHROOT",
                                     "CAP_SYS_PTRACE",
                                     "CAP_SYS_PACCT",
                                     "CAP_SYS_ADMIN",
                                     "CAP_SYS_BOOT",
                                     "CAP_SYS_NICE",
                                     "CAP_SYS_RESOURCE",
                                     "CAP_SYS_TIME",
                                     "CAP_SYS_TTY_CONFIG",
                                     "CAP_MKNOD",
                                     "CAP_LEASE",
                                     "CAP_AUDIT_WRITE",
                                     "CAP_AUDIT_CONTROL",
                                     "CAP_SETFCAP",
                                     "CAP_MAC_OVERRIDE",
                                     "CAP_MAC_ADMIN",
                                     "CAP_SYSLOG",
                                     "CAP_WAKE_ALARM",
                                     "CAP_BLOCK_SUSPEND",
                                     "CAP_AUDIT_READ",
                                     "CAP_PERFMON",
                                     "CAP_BPF",
                                     "CAP_CHECKPOINT_RESTORE"};

bool Has(const std::vector<std::string>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

bool IsCapability(std::string_view name) {
  return std::find(std::begin(kAll), std::end(kAll), name) != std::end(kAll);
}

std::vector<std::string> DefaultCapabilities() {
  return {"CAP_CHOWN",   "CAP_DAC_OVERRIDE",     "CAP_FOWNER",    "CAP_FSETID",
          "CAP_KILL",    "CAP_NET_BIND_SERVICE", "CAP_SETFCAP",   "CAP_SETGID",
          "CAP_SETPCAP", "CAP_SETUID",           "CAP_SYS_CHROOT"};
}

std::vector<std::string> Capabilities(const ContainerRequest& request) {
  const std::vector<std::string> defaults = DefaultCapabilities();
  std::vector<std::string> out;
  for (const std::string_view name : kAll) {
    const bool kept = Has(defaults, name) && !request.drop_all_capabilities &&
                      !Has(request.drop_capabilities, name);
    // As in Kubernetes, what is added is there, whatever is dropped; of all, less what is dropped.
    const bool added = Has(request.add_capabilities, name) ||
                       (request.add_all_capabilities && !Has(request.drop_capabilities, name));
    if (kept || added) out.emplace_back(name);
  }
  return out;
}

}  // namespace bulkhead
