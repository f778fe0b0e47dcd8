// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_BOOT_TESTING_ELF_WRITER_H_
#define BULKHEAD_BOOT_TESTING_ELF_WRITER_H_

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace bulkhead {

// Makes ELF64 files for tests. Every field of the headers can be set, to wrong values too.
struct ElfFileHeader {
  uint8_t ident[16] = {0x7f, 'E', 'L', 'F', 2, 1, 1};
  uint16_t type = 2;
  uint16_t machine = 62;
  uint32_t version = 1;
  uint64_t entry = 0x200000;
  uint64_t program_header_offset = 64;
  uint64_t section_header_offset = 0;
  uint32_t flags = 0;
  uint16_t header_size = 64;
  uint16_t program_header_size = 56;
  uint16_t program_header_count = 0;
  uint16_t section_header_size = 0;
  uint16_t section_header_count = 0;
  uint16_t section_name_index = 0;
};
static_assert(sizeof(ElfFileHeader) == 64);

struct ElfProgramHeader {
  uint32_t type = 1;
  uint32_t flags = 5;
  uint64_t offset = 0x1000;
  uint64_t virtual_address = 0x200000;
  uint64_t physical_address = 0x200000;
  uint64_t file_size = 0x10;
  uint64_t memory_size = 0x20;
  uint64_t alignment = 0x1000;
};
static_assert(sizeof(ElfProgramHeader) == 56);

struct ElfWriter {
  ElfFileHeader header;
  std::vector<ElfProgramHeader> program_headers;
  std::string contents;  // from offset contents_at
  size_t contents_at = 0x1000;
  bool count_program_headers = true;

  std::string Finish() const {
    ElfFileHeader first = header;
    if (count_program_headers) {
      first.program_header_count = static_cast<uint16_t>(program_headers.size());
    }
    std::string file(reinterpret_cast<const char*>(&first), sizeof(first));
    for (const ElfProgramHeader& each : program_headers) {
      file.append(reinterpret_cast<const char*>(&each), sizeof(each));
    }
    file.resize(contents_at, '\0');
    return file + contents;
  }
};

// One note, padded to `alignment` bytes.
inline std::string ElfNote(std::string_view owner, uint32_t type, std::string_view descriptor,
                           size_t alignment = 4) {
  const uint32_t words[3] = {static_cast<uint32_t>(owner.size() + 1),
                             static_cast<uint32_t>(descriptor.size()), type};
  std::string note(reinterpret_cast<const char*>(words), sizeof(words));
  note.append(owner);
  note.push_back('\0');
  note.resize((note.size() + alignment - 1) / alignment * alignment, '\0');
  note.append(descriptor);
  note.resize((note.size() + alignment - 1) / alignment * alignment, '\0');
  return note;
}

}  // namespace bulkhead

#endif  // BULKHEAD_BOOT_TESTING_ELF_WRITER_H_
