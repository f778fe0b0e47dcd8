// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_CLI_ARCHITECTURE_H_
#define BULKHEAD_CLI_ARCHITECTURE_H_

#include <optional>
#include <string>

namespace bulkhead {

// Of a pod and its node: its image, its kernel and what it runs on are all for one architecture.
enum class Architecture { kX86_64, kAarch64 };

// The UEFI firmware that QEMU gets, and what it boots.
struct FirmwareFacts {
  const char* package;    // Debian's
  const char* directory;  // where that puts the files
  const char* code;       // file names
  const char* variables;
  const char* boot_file;  // of a removable disk, in \EFI\BOOT (UEFI 2.10, 3.5.1.1)
};

// What was built for a node (cli/installed_files.h): paths in the repository.
struct NodeFiles {
  const char* hypervisor;  // ELF, for the bundle
  const char* boot_image;  // what QEMU starts without firmware
  const char* supervisor;
  const char* vmm;
  const char* loader;  // UEFI application
  const char* init;    // of guests
};

// What differs between architectures, by name; what they need code for is where it is used.
struct ArchitectureFacts {
  const char* name;          // uname(2)'s
  const char* oci_name;      // in images (Go's GOARCH), and of Debian's packages
  const char* qemu;          // program
  const char* qemu_package;  // Debian's
  FirmwareFacts firmware;
  NodeFiles files;
};
const ArchitectureFacts& Facts(Architecture arch);

inline std::string OciName(Architecture arch) { return Facts(arch).oci_name; }

// By either name. Nothing: pods cannot have it.
std::optional<Architecture> ParseArchitecture(const std::string& name);

// Root of the Debian file tree that a guest's programs are taken from: what tools/setup has put
// into the cache, or empty for this machine's own, if it is of that architecture.
std::string GuestPrograms(Architecture arch, const std::string& cache_root);

}  // namespace bulkhead

#endif  // BULKHEAD_CLI_ARCHITECTURE_H_
