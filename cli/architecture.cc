// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "cli/architecture.h"

#include <sys/utsname.h>

namespace bulkhead {
namespace {

constexpr ArchitectureFacts kX86_64Facts = {
    .name = "x86_64",
    .oci_name = "amd64",
    .qemu = "qemu-system-x86_64",
    .qemu_package = "qemu-system-x86",
    .firmware = {.package = "ovmf",
                 .directory = "/usr/share/OVMF",
                 .code = "OVMF_CODE_4M.fd",
                 .variables = "OVMF_VARS_4M.fd",
                 .boot_file = "BOOTX64.EFI"},
    .files = {.hypervisor = "hypervisor/hypervisor_x86_64.elf",
              .boot_image = "hypervisor/hypervisor_x86_64.elf",
              .supervisor = "control/supervisor_x86_64.elf",
              .vmm = "vmm/vmm_x86_64.elf",
              .loader = "boot/uefi/bulkhead.efi",
              .init = "guest/init/init"},
};

constexpr ArchitectureFacts kAarch64Facts = {
    .name = "aarch64",
    .oci_name = "arm64",
    .qemu = "qemu-system-aarch64",
    .qemu_package = "qemu-system-arm",
    .firmware = {.package = "qemu-efi-aarch64",
                 .directory = "/usr/share/AAVMF",
                 .code = "AAVMF_CODE.fd",
                 .variables = "AAVMF_VARS.fd",
                 .boot_file = "BOOTAA64.EFI"},
    .files = {.hypervisor = "hypervisor/hypervisor_aarch64.elf",
              .boot_image = "hypervisor/hypervisor_aarch64.img",
              .supervisor = "control/supervisor_aarch64.elf",
              .vmm = "vmm/vmm_aarch64.elf",
              .loader = "boot/uefi/bulkhead_aarch64.efi",
              .init = "guest/init/init_aarch64"},
};

}  // namespace

const ArchitectureFacts& Facts(Architecture arch) {
  return arch == Architecture::kAarch64 ? kAarch64Facts : kX86_64Facts;
}

std::optional<Architecture> ParseArchitecture(const std::string& name) {
  for (const Architecture arch : {Architecture::kX86_64, Architecture::kAarch64}) {
    if (name == Facts(arch).name || name == Facts(arch).oci_name) return arch;
  }
  return std::nullopt;
}

std::string GuestPrograms(Architecture arch, const std::string& cache_root) {
  utsname machine;
  if (uname(&machine) == 0 && machine.machine == std::string(Facts(arch).name)) return "";
  return cache_root + "/programs/" + Facts(arch).oci_name;
}

}  // namespace bulkhead
