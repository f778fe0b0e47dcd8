// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "boot/multiboot2/information.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <string_view>

#include "base/align.h"

namespace bulkhead {
namespace {

enum TagType : uint32_t {
  kEnd = 0,
  kCommandLine = 1,
  kModule = 3,
  kMemoryMap = 6,
  kAcpiOld = 14,
  kAcpiNew = 15,
};

struct TagHeader {
  uint32_t type;
  uint32_t size;  // bytes, with this header, without the padding to the next tag
};
static_assert(sizeof(TagHeader) == 8);

struct Module {
  uint32_t start;  // physical address
  uint32_t end;    // exclusive
  // A NUL-terminated string follows.
};
static_assert(sizeof(Module) == 8);

struct MemoryMap {
  uint32_t entry_size;
  uint32_t entry_version;
  // E820Range[] follows.
};
static_assert(sizeof(MemoryMap) == 8);

constexpr uint64_t kTagAlignment = 8;
constexpr size_t kOldRsdpLength = 20;  // ACPI 6.4, 5.2.5.3: revision 0
constexpr size_t kNewRsdpLength = 36;

using Bytes = std::span<const std::byte>;

template <typename T>
std::optional<T> Read(Bytes bytes) {
  T value;
  if (bytes.size() < sizeof(value)) return std::nullopt;
  std::memcpy(&value, bytes.data(), sizeof(value));
  return value;
}

// Up to the NUL that ends it.
std::optional<std::string_view> Text(Bytes bytes) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  const size_t end = text.find('\0');
  if (end == std::string_view::npos) return std::nullopt;
  return text.substr(0, end);
}

// Puts what the tags say into a LoaderHandover. A tag that may be there once is taken once.
class TagReader {
 public:
  TagReader(const std::byte* start, uint64_t physical, LoaderHandover& handover)
      : start_(start), physical_(physical), handover_(handover) {}

  // `content` is what follows the tag's header. Tags that nobody needs are passed over.
  const char* Take(uint32_t type, Bytes content) {
    switch (type) {
      case kCommandLine:
        return TakeCommandLine(content);
      case kModule:
        return TakeModule(content);
      case kMemoryMap:
        return TakeMemoryMap(content);
      case kAcpiOld:
        return TakeRsdp(content, kOldRsdpLength);
      case kAcpiNew:
        return TakeRsdp(content, kNewRsdpLength);
      default:
        return nullptr;
    }
  }

 private:
  const char* TakeCommandLine(Bytes content) {
    if (handover_.command_line.data() != nullptr) return "multiboot2: two command lines";
    const auto text = Text(content);
    if (!text) return "multiboot2: the command line does not end";
    handover_.command_line = *text;
    return nullptr;
  }

  // The first is the bundle; the others are nobody's.
  const char* TakeModule(Bytes content) {
    const auto module = Read<Module>(content);
    if (!module || !Text(content.subspan(sizeof(Module)))) {
      return "multiboot2: a module's tag is too short";
    }
    if (module->end < module->start) return "multiboot2: a module ends before it starts";
    if (has_bundle_) return nullptr;
    has_bundle_ = true;
    handover_.bundle = module->start;
    handover_.bundle_length = module->end - module->start;
    return nullptr;
  }

  const char* TakeMemoryMap(Bytes content) {
    if (!handover_.memory_map.empty()) return "multiboot2: two memory maps";
    const auto map = Read<MemoryMap>(content);
    if (!map) return "multiboot2: the memory map's tag is too short";
    // Version 0 is the only one there is.
    if (map->entry_version != 0 || map->entry_size != sizeof(E820Range)) {
      return "multiboot2: the memory map's entries are of an unknown version";
    }
    const Bytes entries = content.subspan(sizeof(MemoryMap));
    if (entries.size() % sizeof(E820Range) != 0) {
      return "multiboot2: the memory map's last entry is cut off";
    }
    handover_.memory_map = {reinterpret_cast<const E820Range*>(entries.data()),
                            entries.size() / sizeof(E820Range)};
    return nullptr;
  }

  // The tag holds a copy, and nothing says where the original is: the copy stays.
  const char* TakeRsdp(Bytes content, size_t least) {
    if (content.size() < least || std::memcmp(content.data(), "RSD PTR ", 8) != 0) {
      return "multiboot2: the copy of the ACPI root pointer is none";
    }
    // The new one has all that the old one has.
    if (content.size() < handover_.rsdp_copy_length) return nullptr;
    handover_.rsdp = physical_ + static_cast<uint64_t>(content.data() - start_);
    handover_.rsdp_copy_length = content.size();
    return nullptr;
  }

  const std::byte* start_;
  uint64_t physical_;
  LoaderHandover& handover_;
  bool has_bundle_ = false;
};

}  // namespace

const char* ReadMultiboot2Information(Bytes information, uint64_t physical,
                                      LoaderHandover& handover) {
  TagReader reader(information.data(), physical, handover);
  uint64_t at = sizeof(Multiboot2Header);
  for (;;) {
    const Bytes rest = information.subspan(std::min<uint64_t>(at, information.size()));
    const auto tag = Read<TagHeader>(rest);
    if (!tag) return "multiboot2: the information has no end tag";
    if (tag->size < sizeof(TagHeader) || tag->size > rest.size()) {
      return "multiboot2: a tag has a wrong size";
    }
    if (tag->type == kEnd) return nullptr;
    const Bytes content = rest.first(tag->size).subspan(sizeof(TagHeader));
    if (const char* wrong = reader.Take(tag->type, content)) return wrong;
    at += AlignUp(tag->size, kTagAlignment);
  }
}

}  // namespace bulkhead
