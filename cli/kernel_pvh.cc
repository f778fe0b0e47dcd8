// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "boot/elf.h"
#include "cli/failure.h"
#include "cli/kernel_format.h"

namespace bulkhead {
namespace {

constexpr char kAdvice[] = "give --kernel a Linux bzImage or vmlinux with CONFIG_PVH";
constexpr char kMachine[] = "x86_64";

// Linux, Documentation/x86/boot.rst, "The Real-Mode Kernel Header": offsets in the file.
constexpr size_t kSetupSectors = 0x1f1;
constexpr size_t kBootFlag = 0x1fe;  // 0xaa55
constexpr size_t kHeaderMagic = 0x202;
constexpr size_t kProtocol = 0x206;
constexpr size_t kPayloadOffset = 0x248;
constexpr size_t kPayloadLength = 0x24c;
constexpr size_t kHeaderEnd = 0x250;
constexpr uint16_t kFirstProtocolWithPayload = 0x208;

}  // namespace

bool IsBzImage(std::span<const std::byte> file) {
  return file.size() >= kHeaderEnd && Load<uint16_t>(file, kBootFlag) == 0xaa55 &&
         StartsWith(file.subspan(kHeaderMagic), "HdrS", 4);
}

absl::StatusOr<std::string> UnpackPvhKernel(std::span<const std::byte> file,
                                            const std::string& name) {
  if (IsElf(file)) return std::string(reinterpret_cast<const char*>(file.data()), file.size());
  if (IsArm64Image(file)) {
    return WrongKernelMachine(name, kMachine, "it is an arm64 Image", kAdvice);
  }
  if (file.size() < kHeaderEnd && file.size() > kBootFlag + 2 &&
      Load<uint16_t>(file, kBootFlag) == 0xaa55) {
    return TruncatedKernel(name, "it ends within its header");
  }
  if (!IsBzImage(file)) {
    return NotAKernel(name, "it is neither a bzImage nor an ELF file", kAdvice);
  }
  if (Load<uint16_t>(file, kProtocol) < kFirstProtocolWithPayload) {
    return NotAKernel(name, "its boot protocol is older than 2.08", kAdvice);
  }
  size_t sectors = Load<uint8_t>(file, kSetupSectors);
  if (sectors == 0) sectors = 4;  // as boot.rst has it
  const uint64_t start = (sectors + 1) * 512 + uint64_t{Load<uint32_t>(file, kPayloadOffset)};
  const uint64_t length = Load<uint32_t>(file, kPayloadLength);
  if (length < 8) return NotAKernel(name, "it has no payload", kAdvice);
  if (start + length > file.size()) {
    return TruncatedKernel(name,
                           absl::StrCat(file.size(), " of at least ", start + length, " bytes"));
  }
  // All but gzip, which ends with it anyway, have the unpacked length appended to their stream.
  const auto payload = file.subspan(start, static_cast<size_t>(length));
  const auto stream = IsGzip(payload) ? payload : payload.first(payload.size() - 4);
  const auto expected = Load<uint32_t>(payload, payload.size() - 4);
  BULKHEAD_ASSIGN_OR_RETURN(std::string elf, UnpackPayload(stream, expected, name, kAdvice));
  if (!IsElf(std::as_bytes(std::span<const char>(elf)))) {
    return NotAKernel(name, "its payload is not an ELF file", kAdvice);
  }
  return elf;
}

absl::StatusOr<uint64_t> CheckPvhKernel(std::span<const std::byte> elf, const std::string& name) {
  ElfImage image;
  ElfError error = ElfImage::Parse(elf, ElfMachine::kX86_64, image);
  uint32_t entry = 0;
  if (error.ok()) error = image.PvhEntry(entry);
  if (error.ok()) return image.PhysicalRange().end;
  Text<> text;
  text << error;
  const std::string why(text.view());
  if (error.kind == ElfErrorKind::kTruncated) return TruncatedKernel(name, why);
  if (error.kind == ElfErrorKind::kNoPvhEntry || error.kind == ElfErrorKind::kBadPvhEntry) {
    return Failure("kernel ", name, " has no PVH entry (", why, "); ", kAdvice);
  }
  if (error.kind == ElfErrorKind::kWrongMachine) {
    return WrongKernelMachine(name, kMachine, why, kAdvice);
  }
  return NotAKernel(name, why, kAdvice);
}

}  // namespace bulkhead
