// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_BOOT_POD_CONFIG_H_
#define BULKHEAD_BOOT_POD_CONFIG_H_

// pods/NAME/pod of the bundle: what the supervisor must know to start a pod. Lines of key=value,
// every key but image at most once, nothing else: no comments, no empty lines, no blanks around the
// '='.
//
//   version=1          required
//   memory=BYTES       required; guest RAM, decimal, a multiple of 4096
//   cpus=1             required
//   cmdline=TEXT       required, may be empty; the guest kernel's command line
//   debug_uart=0|1     default 0; whether the guest has a UART at port 0x3f8
//   kernel=ENTRY       default pods/NAME/kernel; the bundle's entry with the guest's kernel
//   image=ENTRY        default pods/NAME/image, if there is one; the one with a disk of the pod's.
//                      Up to 8 times: the disks are in the same order. Pods that name the same
//                      entry share it in memory.
//   cpu_limit=SHARE    default 0; the most CPU time, in thousandths of a CPU; 0: no limit
//   cpu_request=SHARE  default 0; its part among pods that compete, likewise; 0: a small one. Not
//                      above the limit

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/format.h"

namespace bulkhead {

inline constexpr uint64_t kPodConfigVersion = 1;
inline constexpr uint64_t kMaxPodMemory = uint64_t{1} << 46;  // bytes
inline constexpr uint64_t kMaxPodCpus = 1;
inline constexpr uint64_t kMaxPodCpuShare = 1000 * kMaxPodCpus;  // thousandths of a CPU
// Linux keeps 2048 bytes on x86 (COMMAND_LINE_SIZE), the terminating NUL included.
inline constexpr uint64_t kMaxPodCommandLine = 2047;
inline constexpr uint64_t kMaxPodEntry = 200;  // bytes of the name of an entry
inline constexpr uint32_t kMaxPodImages = 8;

struct PodConfig {
  uint64_t memory = 0;  // bytes
  uint32_t cpus = 0;
  bool debug_uart = false;
  uint32_t cpu_limit = 0;    // thousandths of a CPU; 0: none
  uint32_t cpu_request = 0;  // likewise
  // These point into the parsed text.
  std::string_view cmdline;
  std::string_view kernel;  // empty: the default
  std::array<std::string_view, kMaxPodImages> images;
  uint32_t image_count = 0;  // 0: the default
};

enum class PodConfigErrorKind : uint8_t {
  kNone,
  kNotKeyValue,   // line
  kUnknownKey,    // line, key
  kDuplicateKey,  // line, key
  kBadNumber,     // line, key: not decimal digits, or more than 64 bits
  kOutOfRange,    // line, key: a number this version does not accept
  kBadText,       // line, key: too long, with control characters, or empty where it must not be
  kMissingKey,    // key
  kAboveLimit,    // key: asks for more than the limit allows
  kTooMany,       // line, key: more often than the pod may have it
};

struct PodConfigError {
  PodConfigErrorKind kind = PodConfigErrorKind::kNone;
  uint32_t line = 0;          // from 1
  std::string_view key = {};  // points into the parsed text, or to a constant

  bool ok() const { return kind == PodConfigErrorKind::kNone; }
};

// Writes one line without a line end: "pod config: line 2: bad number for 'memory'".
TextWriter& operator<<(TextWriter& out, const PodConfigError& error);

// Reads `text` into `config`, which is meaningful only if there is no error.
PodConfigError ParsePodConfig(std::string_view text, PodConfig& config);
PodConfigError ParsePodConfig(std::span<const std::byte> text, PodConfig& config);

}  // namespace bulkhead

#endif  // BULKHEAD_BOOT_POD_CONFIG_H_
