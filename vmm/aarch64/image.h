// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_VMM_AARCH64_IMAGE_H_
#define BULKHEAD_VMM_AARCH64_IMAGE_H_

// Loads a guest kernel that is a Linux arm64 Image (Linux, Documentation/arm64/booting.rst).

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/format.h"
#include "virtio/guest_memory.h"

namespace bulkhead {

struct ImageGuest {
  std::span<const std::byte> kernel;     // Image, uncompressed
  std::span<const std::byte> initramfs;  // empty: none
};

enum class ImageErrorKind : uint8_t {
  kNone,
  kNotAnImage,
  kCompressed,
  kTruncated,  // needed, available: bytes of the file
  kBigEndian,
  kTooOld,     // its header does not say its size: before Linux 3.17
  kBadOffset,  // needed: text_offset
  kNoMemory,   // needed, available: bytes of RAM
};

struct ImageError {
  ImageErrorKind kind = ImageErrorKind::kNone;
  uint64_t needed = 0;
  uint64_t available = 0;

  bool ok() const { return kind == ImageErrorKind::kNone; }
};

// Writes one sentence without a full stop.
TextWriter& operator<<(TextWriter& out, const ImageError& error);

// Guest-physical addresses.
struct LoadedImage {
  uint64_t entry = 0;  // and the kernel's first byte
  uint64_t kernel_end = 0;
  uint64_t initramfs_start = 0;  // 0: none
  uint64_t initramfs_end = 0;
  uint64_t devicetree = 0;  // layout::kDevicetreeSize bytes that are free for it
};

// RAM that must be left when kernel and initramfs are placed, for the kernel to start at all. A
// pod needs more; this only tells a memory size that cannot work from one that may.
inline constexpr uint64_t kImageWorkingMemory = uint64_t{16} << 20;

// Copies kernel and initramfs into guest memory and finds a place for the devicetree. `memory` is
// one piece from layout::kRamStart and zeroed. On an error nothing has been written.
ImageError LoadImage(const ImageGuest& guest, const GuestMemory& memory, LoadedImage& loaded);

}  // namespace bulkhead

#endif  // BULKHEAD_VMM_AARCH64_IMAGE_H_
