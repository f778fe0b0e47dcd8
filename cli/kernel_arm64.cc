// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include <algorithm>

#include "boot/elf.h"
#include "cli/failure.h"
#include "cli/kernel_format.h"

namespace bulkhead {
namespace {

constexpr char kAdvice[] = "give --kernel a Linux Image for arm64";
constexpr char kMachine[] = "aarch64";

// Linux, Documentation/arm64/booting.rst, 4: offsets in the file.
constexpr size_t kTextOffset = 8;  // bytes from a 2 MiB boundary
constexpr size_t kImageSize = 16;  // bytes in memory
constexpr size_t kFlags = 24;
constexpr size_t kImageMagic = 56;  // "ARM\x64"
constexpr size_t kPeOffset = 60;
constexpr size_t kImageHeaderEnd = 64;
constexpr uint64_t kFlagBigEndian = 1;

// Linux, drivers/firmware/efi/libstub/zboot-header.S: an Image compressed in an EFI application.
constexpr size_t kZbootMagic = 4;          // "zimg"
constexpr size_t kZbootPayloadOffset = 8;  // bytes from the start of the file
constexpr size_t kZbootPayloadSize = 12;   // bytes

// PE Format, "COFF File Header" and "Section Table": offsets from "PE\0\0".
constexpr uint64_t kPeSectionCount = 6;
constexpr uint64_t kPeOptionalHeaderSize = 20;
constexpr uint64_t kPeOptionalHeader = 24;
constexpr uint64_t kPeSectionSize = 40;
constexpr uint64_t kPeRawSize = 16;  // from the start of a section's entry
constexpr uint64_t kPeRawOffset = 20;

constexpr size_t kLeastGzip = 18;   // bytes: header and trailer
constexpr size_t kElfMachine = 18;  // e_machine

bool IsZboot(std::span<const std::byte> file) {
  return file.size() >= kImageHeaderEnd && StartsWith(file, "MZ", 2) &&
         StartsWith(file.subspan(kZbootMagic), "zimg", 4);
}

// The unpacked length is the end of a gzip stream (RFC 1952, 2.3.1).
absl::StatusOr<std::string> UnpackGzip(std::span<const std::byte> stream, const std::string& name) {
  if (stream.size() < kLeastGzip) return TruncatedKernel(name, "its gzip stream ends early");
  return UnpackPayload(stream, Load<uint32_t>(stream, stream.size() - 4), name, kAdvice);
}

absl::StatusOr<std::string> UnpackZboot(std::span<const std::byte> file, const std::string& name) {
  const uint64_t start = Load<uint32_t>(file, kZbootPayloadOffset);
  const uint64_t end = start + Load<uint32_t>(file, kZbootPayloadSize);
  // The unpacked length follows, except after gzip.
  if (end + 4 > file.size()) {
    return TruncatedKernel(name, absl::StrCat(file.size(), " of at least ", end + 4, " bytes"));
  }
  const auto payload = file.subspan(start, end - start);
  if (IsGzip(payload)) return UnpackGzip(payload, name);
  return UnpackPayload(payload, Load<uint32_t>(file, end), name, kAdvice);
}

// What a file that is no Image is.
absl::Status NotAnImage(std::span<const std::byte> file, const std::string& name) {
  if (IsBzImage(file)) {
    return WrongKernelMachine(name, kMachine, "it is a bzImage, for x86", kAdvice);
  }
  if (IsElf(file) && file.size() >= kElfMachine + 2) {
    const auto machine = Load<uint16_t>(file, kElfMachine);
    if (machine != static_cast<uint16_t>(ElfMachine::kAarch64)) {
      return WrongKernelMachine(name, kMachine,
                                absl::StrCat("it is an ELF file for machine ", machine), kAdvice);
    }
    return NotAKernel(name, "it is an ELF file, not the Image that is made from it", kAdvice);
  }
  return NotAKernel(name, "it is not an Image", kAdvice);
}

// The bytes that the file must have by its PE header, which an Image that is an EFI application
// has; 0: there is none.
uint64_t SizeByPeHeader(std::span<const std::byte> image) {
  const uint64_t pe = Load<uint32_t>(image, kPeOffset);
  if (pe + kPeOptionalHeader > image.size() || !StartsWith(image.subspan(pe), "PE\0\0", 4)) {
    return 0;
  }
  const uint64_t count = Load<uint16_t>(image, pe + kPeSectionCount);
  uint64_t at = pe + kPeOptionalHeader + Load<uint16_t>(image, pe + kPeOptionalHeaderSize);
  uint64_t size = at + count * kPeSectionSize;
  for (uint64_t i = 0; i < count && at + kPeSectionSize <= image.size(); ++i) {
    size = std::max(size, uint64_t{Load<uint32_t>(image, at + kPeRawOffset)} +
                              Load<uint32_t>(image, at + kPeRawSize));
    at += kPeSectionSize;
  }
  return size;
}

}  // namespace

bool IsArm64Image(std::span<const std::byte> file) {
  return file.size() >= kImageHeaderEnd && StartsWith(file.subspan(kImageMagic), "ARM\x64", 4);
}

absl::StatusOr<std::string> UnpackArm64Kernel(std::span<const std::byte> file,
                                              const std::string& name) {
  std::string image;
  if (IsZboot(file)) {
    BULKHEAD_ASSIGN_OR_RETURN(image, UnpackZboot(file, name));
  } else if (IsGzip(file)) {
    BULKHEAD_ASSIGN_OR_RETURN(image, UnpackGzip(file, name));
  } else {
    image.assign(reinterpret_cast<const char*>(file.data()), file.size());
  }
  const auto bytes = std::as_bytes(std::span<const char>(image));
  if (!IsArm64Image(bytes)) return NotAnImage(bytes, name);
  return image;
}

absl::StatusOr<uint64_t> CheckArm64Kernel(std::span<const std::byte> image,
                                          const std::string& name) {
  if (!IsArm64Image(image)) return NotAnImage(image, name);
  const uint64_t needed = SizeByPeHeader(image);
  if (image.size() < needed) {
    return TruncatedKernel(name, absl::StrCat(image.size(), " of at least ", needed, " bytes"));
  }
  if ((Load<uint64_t>(image, kFlags) & kFlagBigEndian) != 0) {
    return NotAKernel(name, "it is big-endian", kAdvice);
  }
  const auto offset = Load<uint64_t>(image, kTextOffset);
  const auto size = Load<uint64_t>(image, kImageSize);
  if (size == 0) return NotAKernel(name, "it is older than Linux 3.17", kAdvice);
  if (offset > kMaxKernel || size > kMaxKernel) {
    return NotAKernel(name, "its header asks for too much memory", kAdvice);
  }
  return offset + std::max<uint64_t>(size, image.size());
}

}  // namespace bulkhead
