// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "cli/kernel_image.h"

#include <archive.h>
#include <archive_entry.h>

#include <cerrno>
#include <cstring>
#include <memory>

#include "boot/elf.h"
#include "cli/failure.h"
#include "cli/files.h"
#include "cli/sha256.h"

namespace bulkhead {
namespace {

constexpr size_t kMaxKernel = size_t{1} << 30;  // bytes, unpacked
constexpr char kAdvice[] = "give --kernel a Linux bzImage or vmlinux with CONFIG_PVH";

// Linux, Documentation/x86/boot.rst, "The Real-Mode Kernel Header": offsets in the file.
constexpr size_t kSetupSectors = 0x1f1;
constexpr size_t kBootFlag = 0x1fe;  // 0xaa55
constexpr size_t kHeaderMagic = 0x202;
constexpr size_t kProtocol = 0x206;
constexpr size_t kPayloadOffset = 0x248;
constexpr size_t kPayloadLength = 0x24c;
constexpr size_t kHeaderEnd = 0x250;
constexpr uint16_t kFirstProtocolWithPayload = 0x208;

template <typename T>
T Load(std::span<const std::byte> file, size_t offset) {
  T value;
  std::memcpy(&value, file.data() + offset, sizeof(value));
  return value;
}

bool StartsWith(std::span<const std::byte> bytes, const char* text, size_t size) {
  return bytes.size() >= size && std::memcmp(bytes.data(), text, size) == 0;
}

absl::Status NotAKernel(const std::string& name, const std::string& why) {
  return Failure(name, " is not a kernel (", why, "); ", kAdvice);
}

absl::Status Truncated(const std::string& name, const std::string& why) {
  return Failure("kernel ", name, " is truncated (", why, "); copy it again");
}

struct ReaderDeleter {
  void operator()(archive* reader) const { archive_read_free(reader); }
};

absl::StatusOr<std::string> Decompress(std::span<const std::byte> payload,
                                       const std::string& name) {
  // All but gzip, which ends with it anyway, have the unpacked length appended to their stream.
  std::span<const std::byte> stream = payload;
  if (!StartsWith(payload, "\x1f\x8b", 2) && payload.size() > 4) {
    stream = payload.first(payload.size() - 4);
  }
  const std::unique_ptr<archive, ReaderDeleter> reader(archive_read_new());
  archive_read_support_filter_gzip(reader.get());
  archive_read_support_filter_bzip2(reader.get());
  archive_read_support_filter_xz(reader.get());
  archive_read_support_filter_lzma(reader.get());
  archive_read_support_filter_zstd(reader.get());
  archive_read_support_filter_lz4(reader.get());
  archive_read_support_format_raw(reader.get());
  archive_entry* entry = nullptr;
  if (archive_read_open_memory(reader.get(), stream.data(), stream.size()) != ARCHIVE_OK ||
      archive_read_next_header(reader.get(), &entry) != ARCHIVE_OK) {
    return NotAKernel(name, "its payload is compressed in an unknown way");
  }
  if (archive_filter_code(reader.get(), 0) == ARCHIVE_FILTER_NONE) {
    return NotAKernel(name, "its payload is not compressed in a known way");
  }
  const auto expected = Load<uint32_t>(payload, payload.size() - 4);
  std::string out;
  for (;;) {
    char chunk[1 << 16];
    const la_ssize_t n = archive_read_data(reader.get(), chunk, sizeof(chunk));
    if (n == 0) break;
    if (n < 0) {
      const char* text = archive_error_string(reader.get());
      return Failure("kernel ", name, " is corrupt: its payload cannot be unpacked (",
                     Printable(text != nullptr ? text : "unknown error"), "); copy it again");
    }
    if (out.size() + static_cast<size_t>(n) > kMaxKernel) {
      return NotAKernel(name, "its payload is too large");
    }
    out.append(chunk, static_cast<size_t>(n));
  }
  if (out.size() != expected) {
    return Failure("kernel ", name, " is corrupt: its payload has ", out.size(),
                   " bytes instead of ", expected, "; copy it again");
  }
  return out;
}

}  // namespace

absl::StatusOr<std::string> UnpackKernel(std::span<const std::byte> file, const std::string& name) {
  if (StartsWith(file,
                 "\x7f"
                 "ELF",
                 4)) {
    return std::string(reinterpret_cast<const char*>(file.data()), file.size());
  }
  if (file.size() < kHeaderEnd) {
    const bool begun = file.size() > kBootFlag + 2 && Load<uint16_t>(file, kBootFlag) == 0xaa55;
    if (begun) return Truncated(name, "it ends within its header");
    return NotAKernel(name, "it is neither a bzImage nor an ELF file");
  }
  if (Load<uint16_t>(file, kBootFlag) != 0xaa55 ||
      !StartsWith(file.subspan(kHeaderMagic), "HdrS", 4)) {
    return NotAKernel(name, "it is neither a bzImage nor an ELF file");
  }
  if (Load<uint16_t>(file, kProtocol) < kFirstProtocolWithPayload) {
    return NotAKernel(name, "its boot protocol is older than 2.08");
  }
  size_t sectors = Load<uint8_t>(file, kSetupSectors);
  if (sectors == 0) sectors = 4;  // as boot.rst has it
  const uint64_t start = (sectors + 1) * 512 + uint64_t{Load<uint32_t>(file, kPayloadOffset)};
  const uint64_t length = Load<uint32_t>(file, kPayloadLength);
  if (length < 8) return NotAKernel(name, "it has no payload");
  if (start + length > file.size()) {
    return Truncated(name, absl::StrCat(file.size(), " of at least ", start + length, " bytes"));
  }
  BULKHEAD_ASSIGN_OR_RETURN(std::string elf,
                            Decompress(file.subspan(start, static_cast<size_t>(length)), name));
  if (elf.rfind("\x7f"
                "ELF",
                0) != 0)
    return NotAKernel(name, "its payload is not an ELF file");
  return elf;
}

absl::StatusOr<uint64_t> CheckKernel(std::span<const std::byte> elf, const std::string& name) {
  ElfImage image;
  ElfError error = ElfImage::Parse(elf, ElfMachine::kX86_64, image);
  uint32_t entry = 0;
  if (error.ok()) error = image.PvhEntry(entry);
  if (error.ok()) return image.PhysicalRange().end;
  Text<> text;
  text << error;
  const std::string why(text.view());
  if (error.kind == ElfErrorKind::kTruncated) return Truncated(name, why);
  if (error.kind == ElfErrorKind::kNoPvhEntry || error.kind == ElfErrorKind::kBadPvhEntry) {
    return Failure("kernel ", name, " has no PVH entry (", why, "); ", kAdvice);
  }
  if (error.kind == ElfErrorKind::kWrongMachine) {
    return Failure("kernel ", name, " is not for x86_64 (", why, "); ", kAdvice);
  }
  return NotAKernel(name, why);
}

absl::StatusOr<KernelImage> PrepareKernel(const std::string& path, const std::string& cache_root) {
  const std::string name = Printable(path);
  if (!FileExists(path)) {
    return Failure("there is no kernel file ", name, "; check the name, or run tools/setup");
  }
  BULKHEAD_ASSIGN_OR_RETURN(const MappedFile file, MappedFile::Open(path));
  Sha256 sha;
  sha.Update(file.bytes().data(), file.bytes().size());
  const std::string directory = cache_root + "/kernels";
  KernelImage out;
  out.path = directory + "/" + sha.Hex() + ".elf";
  if (!FileExists(out.path)) {
    BULKHEAD_ASSIGN_OR_RETURN(const std::string elf, UnpackKernel(file.bytes(), name));
    BULKHEAD_RETURN_IF_FAILED(
        CheckKernel(std::as_bytes(std::span<const char>(elf)), name).status());
    BULKHEAD_RETURN_IF_FAILED(MakeDirectories(directory));
    BULKHEAD_RETURN_IF_FAILED(WriteFileAtomically(out.path, elf));
  }
  BULKHEAD_ASSIGN_OR_RETURN(const MappedFile elf, MappedFile::Open(out.path));
  BULKHEAD_ASSIGN_OR_RETURN(out.memory_end, CheckKernel(elf.bytes(), name));
  out.file_size = elf.bytes().size();
  return out;
}

}  // namespace bulkhead
