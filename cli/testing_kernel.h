// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_CLI_TESTING_KERNEL_H_
#define BULKHEAD_CLI_TESTING_KERNEL_H_

#include <archive.h>
#include <archive_entry.h>

#include <cstdint>
#include <cstring>
#include <string>

#include "boot/testing/elf_writer.h"

namespace bulkhead {

// A small ELF file that passes for a kernel, with a PVH note or without.
inline std::string MakeTestKernel(bool pvh = true) {
  ElfWriter elf;
  elf.contents = std::string(0x10, '\x90');
  const uint32_t entry = 0x200000;
  const std::string note =
      ElfNote("Xen", pvh ? 18 : 1, {reinterpret_cast<const char*>(&entry), sizeof(entry)});
  ElfProgramHeader code;
  ElfProgramHeader notes;
  notes.type = 4;
  notes.flags = 4;
  notes.offset = 0x1010;
  notes.virtual_address = notes.physical_address = 0;
  notes.file_size = notes.memory_size = note.size();
  notes.alignment = 4;
  elf.contents += note;
  elf.program_headers = {code, notes};
  return elf.Finish();
}

enum class TestCompression { kGzip, kXz, kZstd, kLz4 };

inline std::string CompressForTest(const std::string& bytes, TestCompression compression) {
  std::string out;
  archive* writer = archive_write_new();
  archive_write_set_format_raw(writer);
  switch (compression) {
    case TestCompression::kGzip:
      archive_write_add_filter_gzip(writer);
      break;
    case TestCompression::kXz:
      archive_write_add_filter_xz(writer);
      break;
    case TestCompression::kZstd:
      archive_write_add_filter_zstd(writer);
      break;
    case TestCompression::kLz4:
      archive_write_add_filter_lz4(writer);
      break;
  }
  archive_write_set_bytes_in_last_block(writer, 1);
  archive_write_open(
      writer, &out, nullptr,
      [](archive*, void* to, const void* data, size_t size) -> la_ssize_t {
        static_cast<std::string*>(to)->append(static_cast<const char*>(data), size);
        return static_cast<la_ssize_t>(size);
      },
      nullptr);
  archive_entry* entry = archive_entry_new();
  archive_entry_set_pathname(entry, "data");
  archive_entry_set_filetype(entry, AE_IFREG);
  archive_entry_set_size(entry, static_cast<la_int64_t>(bytes.size()));
  archive_write_header(writer, entry);
  archive_write_data(writer, bytes.data(), bytes.size());
  archive_entry_free(entry);
  archive_write_close(writer);
  archive_write_free(writer);
  return out;
}

// A bzImage around an already compressed payload.
inline std::string MakeBzImage(const std::string& payload) {
  std::string file(2 * 512, '\0');
  const auto put = [&](size_t offset, auto value) {
    std::memcpy(file.data() + offset, &value, sizeof(value));
  };
  put(0x1f1, uint8_t{1});
  put(0x1fe, uint16_t{0xaa55});
  file.replace(0x202, 4, "HdrS");
  put(0x206, uint16_t{0x20f});
  put(0x248, uint32_t{16});
  put(0x24c, static_cast<uint32_t>(payload.size()));
  return file + std::string(16, 'c') + payload + "tail";
}

// The same with an ELF kernel in it, as Linux's build does it.
inline std::string MakeBzImage(const std::string& elf, TestCompression compression) {
  std::string payload = CompressForTest(elf, compression);
  if (compression != TestCompression::kGzip) {
    const auto size = static_cast<uint32_t>(elf.size());
    payload.append(reinterpret_cast<const char*>(&size), sizeof(size));
  }
  return MakeBzImage(payload);
}

// The least of an arm64 Image: text_offset 0, `memory_size` bytes in memory. An EFI application, as
// Debian's is: its PE header says how long the file is.
inline std::string MakeTestImage(uint64_t memory_size = 0x200000) {
  std::string file(1024, '\0');
  const auto put = [&](size_t offset, auto value) {
    std::memcpy(file.data() + offset, &value, sizeof(value));
  };
  file.replace(0, 2, "MZ");
  put(16, memory_size);
  put(24, uint64_t{0xa});
  file.replace(56, 4, "ARM\x64");
  put(60, uint32_t{64});
  file.replace(64, 4, std::string("PE\0\0", 4));
  put(64 + 6, uint16_t{1});          // one section, no optional header
  put(64 + 24 + 16, uint32_t{512});  // its size and place in the file
  put(64 + 24 + 20, uint32_t{512});
  return file;
}

// An EFI zboot image around it.
inline std::string MakeZboot(const std::string& image, TestCompression compression) {
  const std::string payload = CompressForTest(image, compression);
  std::string file(512, '\0');
  const auto start = static_cast<uint32_t>(file.size());
  const auto size = static_cast<uint32_t>(payload.size());
  const auto unpacked = static_cast<uint32_t>(image.size());
  file.replace(0, 2, "MZ");
  file.replace(4, 4, "zimg");
  std::memcpy(file.data() + 8, &start, sizeof(start));
  std::memcpy(file.data() + 12, &size, sizeof(size));
  return file + payload + std::string(reinterpret_cast<const char*>(&unpacked), sizeof(unpacked));
}

}  // namespace bulkhead

#endif  // BULKHEAD_CLI_TESTING_KERNEL_H_
