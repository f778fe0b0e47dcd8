// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_CLI_KERNEL_FORMAT_H_
#define BULKHEAD_CLI_KERNEL_FORMAT_H_

// The formats of Linux kernels, one architecture beside the other, for kernel_image.cc. A kernel is
// somebody else's file: every offset in it is checked. `name` is how messages call it.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>

#include "absl/status/statusor.h"

namespace bulkhead {

// x86_64: an ELF file with a PVH note, as it is or in a bzImage.
absl::StatusOr<std::string> UnpackPvhKernel(std::span<const std::byte> file,
                                            const std::string& name);
// The end of the loaded kernel: bytes from the start of the guest's memory.
absl::StatusOr<uint64_t> CheckPvhKernel(std::span<const std::byte> elf, const std::string& name);
bool IsBzImage(std::span<const std::byte> file);

// aarch64: an Image, as it is, compressed by gzip, or in an EFI zboot image.
absl::StatusOr<std::string> UnpackArm64Kernel(std::span<const std::byte> file,
                                              const std::string& name);
absl::StatusOr<uint64_t> CheckArm64Kernel(std::span<const std::byte> image,
                                          const std::string& name);
bool IsArm64Image(std::span<const std::byte> file);

inline constexpr size_t kMaxKernel = size_t{1} << 30;  // bytes, unpacked

bool IsGzip(std::span<const std::byte> file);
bool IsElf(std::span<const std::byte> file);
inline bool StartsWith(std::span<const std::byte> bytes, const char* text, size_t size) {
  return bytes.size() >= size && std::memcmp(bytes.data(), text, size) == 0;
}

// A little-endian number. The caller has checked that it lies in the file.
template <typename T>
T Load(std::span<const std::byte> file, size_t offset) {
  T value;
  std::memcpy(&value, file.data() + offset, sizeof(value));
  return value;
}

// "NAME is not a kernel (WHY); ADVICE", and so on.
absl::Status NotAKernel(const std::string& name, const std::string& why, const char* advice);
absl::Status WrongKernelMachine(const std::string& name, const char* machine,
                                const std::string& why, const char* advice);
absl::Status TruncatedKernel(const std::string& name, const std::string& why);
absl::Status CorruptKernel(const std::string& name, const std::string& why);

// Decompress (cli/decompress.h), with these messages. `expected`: the unpacked length that is noted
// beside the stream.
absl::StatusOr<std::string> UnpackPayload(std::span<const std::byte> stream, uint32_t expected,
                                          const std::string& name, const char* advice);

}  // namespace bulkhead

#endif  // BULKHEAD_CLI_KERNEL_FORMAT_H_
