// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "guest/initramfs/elf_file.h"

#include <elf.h>

#include <cstdint>
#include <cstring>

#include "absl/status/status.h"

namespace bulkhead {
namespace {

// Copies an object out of the file; false when it does not lie inside.
template <typename T>
bool ReadAt(std::string_view file, uint64_t offset, T* out) {
  if (offset > file.size() || file.size() - offset < sizeof(T)) return false;
  std::memcpy(out, file.data() + offset, sizeof(T));
  return true;
}

bool Slice(std::string_view file, uint64_t offset, uint64_t size, std::string_view* out) {
  if (offset > file.size() || file.size() - offset < size) return false;
  *out = file.substr(offset, size);
  return true;
}

// A NUL-terminated string inside `table`.
bool StringAt(std::string_view table, uint64_t offset, std::string_view* out) {
  if (offset >= table.size()) return false;
  const size_t end = table.find('\0', offset);
  if (end == std::string_view::npos) return false;
  *out = table.substr(offset, end - offset);
  return true;
}

absl::Status Malformed() { return absl::InvalidArgumentError("malformed ELF file"); }

absl::StatusOr<Elf64_Ehdr> ReadHeader(std::string_view file) {
  Elf64_Ehdr header;
  if (!ReadAt(file, 0, &header) || std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0) {
    return absl::InvalidArgumentError("not an ELF file");
  }
  if (header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_ident[EI_DATA] != ELFDATA2LSB) {
    return absl::InvalidArgumentError("not a 64-bit little-endian ELF file");
  }
  return header;
}

}  // namespace

absl::StatusOr<ElfDependencies> ReadElfDependencies(std::string_view file) {
  absl::StatusOr<Elf64_Ehdr> header = ReadHeader(file);
  if (!header.ok()) return header.status();
  if (header->e_phnum > 0 && header->e_phentsize != sizeof(Elf64_Phdr)) return Malformed();

  std::vector<Elf64_Phdr> segments(header->e_phnum);
  ElfDependencies result;
  result.machine = header->e_machine;
  std::string_view dynamic;
  for (size_t i = 0; i < segments.size(); ++i) {
    if (header->e_phoff > file.size() ||
        !ReadAt(file, header->e_phoff + i * sizeof(Elf64_Phdr), &segments[i])) {
      return Malformed();
    }
    const Elf64_Phdr& segment = segments[i];
    std::string_view contents;
    if (segment.p_type != PT_INTERP && segment.p_type != PT_DYNAMIC) continue;
    if (!Slice(file, segment.p_offset, segment.p_filesz, &contents)) return Malformed();
    std::string_view path;
    if (segment.p_type == PT_DYNAMIC) {
      dynamic = contents;
    } else if (StringAt(contents, 0, &path)) {
      result.interpreter = std::string(path);
    } else {
      return Malformed();
    }
  }

  // The string table is named by its address, which the PT_LOAD segments turn into a place.
  uint64_t strings_address = 0;
  uint64_t strings_size = 0;
  std::vector<uint64_t> needed;
  for (uint64_t at = 0; at < dynamic.size(); at += sizeof(Elf64_Dyn)) {
    Elf64_Dyn entry;
    if (!ReadAt(dynamic, at, &entry)) return Malformed();
    if (entry.d_tag == DT_NULL) break;
    if (entry.d_tag == DT_STRTAB) strings_address = entry.d_un.d_ptr;
    if (entry.d_tag == DT_STRSZ) strings_size = entry.d_un.d_val;
    if (entry.d_tag == DT_NEEDED) needed.push_back(entry.d_un.d_val);
  }
  std::string_view strings;
  for (const Elf64_Phdr& segment : segments) {
    if (segment.p_type != PT_LOAD || strings_address < segment.p_vaddr ||
        strings_address - segment.p_vaddr >= segment.p_filesz) {
      continue;
    }
    const uint64_t delta = strings_address - segment.p_vaddr;
    if (segment.p_offset > file.size() ||
        !Slice(file, segment.p_offset + delta, strings_size, &strings)) {
      return Malformed();
    }
    break;
  }
  for (const uint64_t offset : needed) {
    std::string_view name;
    if (!StringAt(strings, offset, &name)) return Malformed();
    result.libraries.emplace_back(name);
  }
  return result;
}

absl::StatusOr<std::string_view> FindElfSection(std::string_view file, std::string_view name) {
  absl::StatusOr<Elf64_Ehdr> header = ReadHeader(file);
  if (!header.ok()) return header.status();
  if (header->e_shentsize != sizeof(Elf64_Shdr) || header->e_shoff > file.size()) {
    return Malformed();
  }
  Elf64_Shdr section;
  std::string_view names;
  if (!ReadAt(file, header->e_shoff + uint64_t{header->e_shstrndx} * sizeof(section), &section) ||
      !Slice(file, section.sh_offset, section.sh_size, &names)) {
    return Malformed();
  }
  for (uint64_t i = 0; i < header->e_shnum; ++i) {
    std::string_view found, contents;
    if (!ReadAt(file, header->e_shoff + i * sizeof(section), &section)) return Malformed();
    if (!StringAt(names, section.sh_name, &found) || found != name) continue;
    if (!Slice(file, section.sh_offset, section.sh_size, &contents)) return Malformed();
    return contents;
  }
  return absl::NotFoundError("no such section");
}

}  // namespace bulkhead
