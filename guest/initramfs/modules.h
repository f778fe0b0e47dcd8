// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_GUEST_INITRAMFS_MODULES_H_
#define BULKHEAD_GUEST_INITRAMFS_MODULES_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace bulkhead {

// What a module's .modinfo section says it needs: "depends" and the "pre" part of "softdep".
struct ModuleInfo {
  std::vector<std::string> depends;  // must be there
  std::vector<std::string> prefers;  // loaded before it when there is such a module
};
ModuleInfo ParseModinfo(std::string_view section);

// Paths of the files of `modules` and of everything they depend on, each after what it needs: the
// order to load them in. Built-in modules are left out. `modules_dir` is as in /lib/modules/VERSION
// but need not have been through depmod: the modules themselves say what they depend on.
absl::StatusOr<std::vector<std::string>> ResolveModules(const std::string& modules_dir,
                                                        const std::vector<std::string>& modules);

// A module without the signature appended to its file (Linux, include/linux/module_signature.h), or
// all of it if there is none. The view is into `file`.
std::string_view WithoutSignature(std::string_view file);

}  // namespace bulkhead

#endif  // BULKHEAD_GUEST_INITRAMFS_MODULES_H_
