// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "vmm/aarch64/image.h"

#include <algorithm>
#include <cstring>
#include <optional>

#include "base/align.h"
#include "vmm/aarch64/layout.h"

namespace bulkhead {
namespace {

constexpr uint64_t kMib = uint64_t{1} << 20;
constexpr uint64_t kPlacement = 2 * kMib;  // text_offset counts from a multiple of this

// booting.rst, "Call the kernel image". Little endian.
struct ImageHeader {
  uint32_t code0, code1;
  uint64_t text_offset;
  uint64_t image_size;
  uint64_t flags;
  uint64_t reserved[3];
  uint32_t magic;
  uint32_t pe_offset;  // of the PE header, if the image is a UEFI application, too
};
static_assert(sizeof(ImageHeader) == 64);
constexpr uint32_t kMagic = 0x644d5241;  // "ARM" 0x64
constexpr uint64_t kBigEndianFlag = 1 << 0;

// What a compressed kernel begins with: gzip (RFC 1952), Zstandard (RFC 8878), and the UEFI
// application that unpacks itself ("MZ", then "zimg").
constexpr uint16_t kGzip = 0x8b1f;
constexpr uint32_t kZstandard = 0xfd2fb528;
constexpr uint32_t kSelfUnpacking = 0x676d697a;
constexpr uint16_t kMz = 0x5a4d;

template <typename T>
std::optional<T> ReadAt(std::span<const std::byte> file, uint64_t offset) {
  if (!RangeWithin(offset, sizeof(T), file.size())) return std::nullopt;
  T value;
  std::memcpy(&value, file.data() + offset, sizeof(value));
  return value;
}

bool IsCompressed(std::span<const std::byte> file) {
  return ReadAt<uint16_t>(file, 0) == kGzip || ReadAt<uint32_t>(file, 0) == kZstandard ||
         (ReadAt<uint16_t>(file, 0) == kMz && ReadAt<uint32_t>(file, 4) == kSelfUnpacking);
}

// Bytes that the file must have by its PE header's section table (PE Format, Microsoft), which
// every kernel of a distribution has; 0 if it says nothing.
uint64_t FileSizeBySections(std::span<const std::byte> file, const ImageHeader& header) {
  constexpr uint32_t kPeMagic = 0x4550;
  constexpr uint64_t kCoffSize = 24, kSectionSize = 40;
  if ((header.code0 & 0xffff) != kMz) return 0;
  const uint64_t pe = header.pe_offset;
  const auto magic = ReadAt<uint32_t>(file, pe);
  if (!magic.has_value()) return pe + kCoffSize;
  if (*magic != kPeMagic) return 0;
  const auto sections = ReadAt<uint16_t>(file, pe + 6);
  const auto optional_header = ReadAt<uint16_t>(file, pe + 20);
  if (!sections || !optional_header) return pe + kCoffSize;
  const uint64_t table = pe + kCoffSize + *optional_header;
  uint64_t size = table + *sections * kSectionSize;
  for (uint64_t i = 0; i < *sections; ++i) {
    const auto length = ReadAt<uint32_t>(file, table + i * kSectionSize + 16);
    const auto start = ReadAt<uint32_t>(file, table + i * kSectionSize + 20);
    if (!length || !start) break;  // the table itself is cut off
    size = std::max(size, uint64_t{*start} + *length);
  }
  return size;
}

ImageError CheckKernel(std::span<const std::byte> file, ImageHeader& header) {
  if (IsCompressed(file)) return {ImageErrorKind::kCompressed};
  const auto read = ReadAt<ImageHeader>(file, 0);
  if (!read || read->magic != kMagic) return {ImageErrorKind::kNotAnImage};
  header = *read;
  if ((header.flags & kBigEndianFlag) != 0) return {ImageErrorKind::kBigEndian};
  if (header.image_size == 0) return {ImageErrorKind::kTooOld};
  // An offset is for what precedes the kernel in its 2 MiB; Linux has had 0 since 5.10.
  if (header.text_offset >= kPlacement || header.text_offset % kPageSize != 0) {
    return {ImageErrorKind::kBadOffset, header.text_offset};
  }
  const uint64_t needed = FileSizeBySections(file, header);
  if (needed > file.size()) return {ImageErrorKind::kTruncated, needed, file.size()};
  return {};
}

// Places everything; nothing is written yet. The initramfs goes as high as it may: within 32 GiB,
// counted from the kernel's gigabyte. The devicetree goes below it.
ImageError MakePlan(const ImageGuest& guest, const ImageHeader& header, const GuestMemory& memory,
                    LoadedImage& plan) {
  constexpr uint64_t kWindow = uint64_t{32} << 30;
  constexpr uint64_t kMost = uint64_t{1} << 48;
  const uint64_t ram = memory.low().bytes.size();
  const uint64_t kernel = std::max<uint64_t>(header.image_size, guest.kernel.size());
  const uint64_t initramfs = AlignUp(guest.initramfs.size(), kPageSize);
  const uint64_t needed = header.text_offset + std::min(kernel, kMost) + initramfs +
                          layout::kDevicetreeSize + kImageWorkingMemory;
  if (needed > std::min(ram, kWindow)) {
    return {ImageErrorKind::kNoMemory, AlignUp(needed, kMib), ram};
  }
  const uint64_t top = layout::kRamStart + AlignDown(std::min(ram, kWindow), kPageSize);
  plan.entry = layout::kRamStart + header.text_offset;
  plan.kernel_end = plan.entry + kernel;
  const uint64_t initramfs_start = top - initramfs;
  if (!guest.initramfs.empty()) {
    plan.initramfs_start = initramfs_start;
    plan.initramfs_end = initramfs_start + guest.initramfs.size();
  }
  plan.devicetree = initramfs_start - layout::kDevicetreeSize;
  return {};
}

// The destination lies in RAM: the plan was checked.
void CopyTo(const GuestMemory& memory, uint64_t address, std::span<const std::byte> bytes) {
  const auto to = memory.Slice(GuestPhysical{address}, bytes.size());
  if (to && !bytes.empty()) std::memcpy(to->data(), bytes.data(), bytes.size());
}

}  // namespace

TextWriter& operator<<(TextWriter& out, const ImageError& error) {
  switch (error.kind) {
    case ImageErrorKind::kNone:
      return out << "no error";
    case ImageErrorKind::kNotAnImage:
      return out << "the kernel cannot be loaded: it is not an arm64 Linux kernel image";
    case ImageErrorKind::kCompressed:
      return out
             << "the kernel cannot be loaded: it is compressed, an uncompressed Image is needed";
    case ImageErrorKind::kTruncated:
      return out << "the kernel cannot be loaded: it is cut off, " << error.available
                 << " of at least " << error.needed << " bytes are there";
    case ImageErrorKind::kBigEndian:
      return out << "the kernel cannot be loaded: it is built for big-endian processors";
    case ImageErrorKind::kTooOld:
      return out << "the kernel cannot be loaded: its header does not say how large it is";
    case ImageErrorKind::kBadOffset:
      return out << "the kernel cannot be loaded: it wants to be at offset " << Hex{error.needed}
                 << ", which is not a page within 2 MiB";
    case ImageErrorKind::kNoMemory:
      return out << "kernel and initramfs need " << error.needed / kMib
                 << " MiB of memory, the pod has " << error.available / kMib << " MiB";
  }
  return out;
}

ImageError LoadImage(const ImageGuest& guest, const GuestMemory& memory, LoadedImage& loaded) {
  ImageHeader header;
  if (const ImageError error = CheckKernel(guest.kernel, header); !error.ok()) return error;
  LoadedImage plan;
  if (const ImageError error = MakePlan(guest, header, memory, plan); !error.ok()) return error;
  CopyTo(memory, plan.entry, guest.kernel);
  if (!guest.initramfs.empty()) CopyTo(memory, plan.initramfs_start, guest.initramfs);
  loaded = plan;
  return {};
}

}  // namespace bulkhead
