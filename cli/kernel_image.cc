// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "cli/kernel_image.h"

#include "cli/failure.h"
#include "cli/files.h"
#include "cli/kernel_format.h"
#include "cli/sha256.h"

namespace bulkhead {

absl::StatusOr<std::string> UnpackKernel(std::span<const std::byte> file, Architecture arch,
                                         const std::string& name) {
  return arch == Architecture::kAarch64 ? UnpackArm64Kernel(file, name)
                                        : UnpackPvhKernel(file, name);
}

absl::StatusOr<uint64_t> CheckKernel(std::span<const std::byte> kernel, Architecture arch,
                                     const std::string& name) {
  return arch == Architecture::kAarch64 ? CheckArm64Kernel(kernel, name)
                                        : CheckPvhKernel(kernel, name);
}

absl::StatusOr<KernelImage> PrepareKernel(const std::string& path, Architecture arch,
                                          const std::string& cache_root) {
  const std::string name = Printable(path);
  if (!FileExists(path)) {
    return Failure("there is no kernel file ", name, "; check the name, or run tools/setup");
  }
  BULKHEAD_ASSIGN_OR_RETURN(const MappedFile file, MappedFile::Open(path));
  Sha256 sha;
  sha.Update(file.bytes().data(), file.bytes().size());
  const std::string directory = cache_root + "/kernels";
  KernelImage out;
  out.path = directory + "/" + sha.Hex() + (arch == Architecture::kAarch64 ? ".image" : ".elf");
  if (!FileExists(out.path)) {
    BULKHEAD_ASSIGN_OR_RETURN(const std::string kernel, UnpackKernel(file.bytes(), arch, name));
    BULKHEAD_RETURN_IF_FAILED(
        CheckKernel(std::as_bytes(std::span<const char>(kernel)), arch, name).status());
    BULKHEAD_RETURN_IF_FAILED(MakeDirectories(directory));
    BULKHEAD_RETURN_IF_FAILED(WriteFileAtomically(out.path, kernel));
  }
  BULKHEAD_ASSIGN_OR_RETURN(const MappedFile kernel, MappedFile::Open(out.path));
  BULKHEAD_ASSIGN_OR_RETURN(out.memory_end, CheckKernel(kernel.bytes(), arch, name));
  out.file_size = kernel.bytes().size();
  return out;
}

}  // namespace bulkhead
