// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "boot/elf.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "boot/testing/bundle_writer.h"
#include "boot/testing/elf_writer.h"

namespace bulkhead {
namespace {

// Text at 2 MiB, data behind it, and a note with the PVH entry.
ElfWriter Good() {
  ElfWriter elf;
  const std::string notes =
      ElfNote("GNU", 3, "0123456789") + ElfNote("Xen", 18, std::string_view("\x08\0\x20\0", 4));
  elf.contents = "text of 16 bytesdata" + std::string(12, '\0') + notes;
  elf.program_headers = {
      {},
      {.flags = 6,
       .offset = 0x1010,
       .virtual_address = 0x201010,
       .physical_address = 0x201010,
       .file_size = 4,
       .memory_size = 0x2000},
      {.type = 4, .flags = 4, .offset = 0x1020, .file_size = notes.size(), .alignment = 4},
      {.type = 0x6474e551, .flags = 6, .offset = ~0ULL, .file_size = ~0ULL},  // PT_GNU_STACK
  };
  return elf;
}

std::string TextOf(const ElfError& error) {
  Text<> text;
  text << error;
  return std::string(text.view());
}

std::string ParseText(std::string_view file) {
  ElfImage image;
  return TextOf(ElfImage::Parse(AsBytes(file), ElfMachine::kX86_64, image));
}
std::string ParseText(const ElfWriter& elf) { return ParseText(elf.Finish()); }

std::string PvhText(const ElfWriter& elf) {
  const std::string file = elf.Finish();
  ElfImage image;
  const ElfError error = ElfImage::Parse(AsBytes(file), ElfMachine::kX86_64, image);
  if (!error.ok()) return TextOf(error);
  uint32_t entry = 0;
  return TextOf(image.PvhEntry(entry));
}

TEST(Elf, ReadsSegments) {
  const std::string file = Good().Finish();
  ElfImage image;
  ASSERT_TRUE(ElfImage::Parse(AsBytes(file), ElfMachine::kX86_64, image).ok()) << ParseText(file);
  EXPECT_EQ(image.entry(), 0x200000u);
  ASSERT_EQ(image.segments().size(), 2u);
  const ElfSegment& text = image.segments()[0];
  EXPECT_EQ(text.virtual_address, 0x200000u);
  EXPECT_EQ(text.memory_size, 0x20u);
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(text.data.data()), text.data.size()),
            "text of 16 bytes");
  EXPECT_TRUE(text.readable && text.executable && !text.writable);
  const ElfSegment& data = image.segments()[1];
  EXPECT_EQ(data.physical_address, 0x201010u);
  EXPECT_TRUE(data.readable && !data.executable && data.writable);
  EXPECT_EQ(image.PhysicalRange().start, 0x200000u);
  EXPECT_EQ(image.PhysicalRange().end, 0x203010u);
  EXPECT_EQ(image.VirtualRange().end, 0x203010u);
}

TEST(Elf, FindsThePvhEntry) {
  const std::string file = Good().Finish();
  ElfImage image;
  ASSERT_TRUE(ElfImage::Parse(AsBytes(file), ElfMachine::kX86_64, image).ok());
  uint32_t entry = 0;
  EXPECT_EQ(TextOf(image.PvhEntry(entry)), "no error");
  EXPECT_EQ(entry, 0x200008u);
}

TEST(Elf, AcceptsA64BitPvhEntryAndNotesOfEightBytes) {
  for (const uint64_t alignment : {4, 8}) {
    ElfWriter elf = Good();
    const std::string notes =
        ElfNote("GNU", 5, "12345", alignment) +
        ElfNote("Xen", 18, std::string_view("\x08\0\x20\0\0\0\0\0", 8), alignment);
    elf.contents = elf.contents.substr(0, 0x20) + notes;
    elf.program_headers[2].file_size = notes.size();
    elf.program_headers[2].alignment = alignment;
    EXPECT_EQ(PvhText(elf), "no error") << alignment;
  }
}

TEST(Elf, SaysWhenThereIsNoPvhEntry) {
  ElfWriter elf = Good();
  elf.program_headers.resize(2);
  EXPECT_EQ(PvhText(elf), "no PVH entry (no XEN_ELFNOTE_PHYS32_ENTRY note)");
  elf = Good();
  elf.contents[0x20 + 12 + 4 + 12 + 12] = 'Y';  // "Xen"
  EXPECT_EQ(PvhText(elf), "no PVH entry (no XEN_ELFNOTE_PHYS32_ENTRY note)");
}

TEST(Elf, RefusesBadPvhEntries) {
  for (const std::string_view bad :
       {std::string_view("\x20\0\x20\0", 4), std::string_view("\x10\x10\x20\0", 4),
        std::string_view("\0\0\x20", 3), std::string_view("\0\0\x20\0\x01\0\0\0", 8)}) {
    ElfWriter elf = Good();
    const std::string notes = ElfNote("Xen", 18, bad);
    elf.contents = elf.contents.substr(0, 0x20) + notes;
    elf.program_headers[2].file_size = notes.size();
    EXPECT_EQ(PvhText(elf).substr(0, 9), "PVH entry");
  }
}

TEST(Elf, RefusesMalformedNotes) {
  ElfWriter elf = Good();
  elf.program_headers[2].file_size -= 4;  // cuts the descriptor of the last note
  EXPECT_EQ(PvhText(elf), "malformed ELF note in segment 2");
  elf = Good();
  elf.contents.replace(0x20, 4, "\xff\xff\xff\xff");  // name size
  EXPECT_EQ(PvhText(elf), "malformed ELF note in segment 2");
  elf = Good();
  elf.contents.replace(0x24, 4, "\xff\xff\xff\xff");  // descriptor size
  EXPECT_EQ(PvhText(elf), "malformed ELF note in segment 2");
}

TEST(Elf, TellsWhatAFileIsNot) {
  EXPECT_EQ(ParseText(""), "not an ELF file");
  EXPECT_EQ(ParseText("\x7f"
                      "EL"),
            "not an ELF file");
  EXPECT_EQ(ParseText(std::string(4096, 'x')), "not an ELF file");
  ElfWriter elf = Good();
  elf.header.ident[4] = 1;
  EXPECT_EQ(ParseText(elf), "not a 64-bit little-endian ELF file");
  elf = Good();
  elf.header.ident[5] = 2;
  EXPECT_EQ(ParseText(elf), "not a 64-bit little-endian ELF file");
  elf = Good();
  elf.header.machine = 183;
  EXPECT_EQ(ParseText(elf), "made for another machine (ELF machine 183)");
  elf = Good();
  elf.header.type = 3;
  EXPECT_EQ(ParseText(elf), "not an ELF executable (type 3)");
  elf = Good();
  elf.header.program_header_size = 32;
  EXPECT_EQ(ParseText(elf), "bad ELF header");
}

TEST(Elf, RefusesTruncationAtEveryByte) {
  const std::string file = Good().Finish();
  for (size_t size = 0; size < file.size(); ++size) {
    EXPECT_NE(ParseText(file.substr(0, size)), "no error") << size;
  }
  EXPECT_EQ(ParseText(file.substr(0, 0x1013)), "truncated (ends at byte 4115)");
}

TEST(Elf, RefusesHeadersOutsideTheFile) {
  for (const uint64_t bad : {0x1000000ULL, ~0ULL, ~0ULL - 56}) {
    ElfWriter elf = Good();
    elf.header.program_header_offset = bad;
    EXPECT_EQ(ParseText(elf).substr(0, 9), "truncated") << bad;
  }
}

TEST(Elf, BoundsTheTables) {
  ElfWriter elf = Good();
  elf.program_headers.resize(65, {.type = 0});
  EXPECT_EQ(ParseText(elf), "too many ELF program headers");
  elf = Good();
  for (uint64_t i = 2; i < 17; ++i) {
    elf.program_headers.push_back(
        {.virtual_address = 0x200000 + i * 0x10000, .physical_address = 0x200000 + i * 0x10000});
  }
  EXPECT_EQ(ParseText(elf), "too many ELF program headers");
  elf.program_headers.pop_back();
  EXPECT_EQ(ParseText(elf), "no error");
}

TEST(Elf, RefusesFilesWithNothingToLoad) {
  ElfWriter elf = Good();
  elf.program_headers.clear();
  EXPECT_EQ(ParseText(elf), "nothing to load in the ELF file");
  elf = Good();
  for (ElfProgramHeader& header : elf.program_headers) header.type = 0;
  EXPECT_EQ(ParseText(elf), "nothing to load in the ELF file");
}

TEST(Elf, RefusesBadSegments) {
  const auto with = [](auto change) {
    ElfWriter elf = Good();
    change(elf.program_headers[1]);
    return ParseText(elf);
  };
  EXPECT_EQ(with([](ElfProgramHeader& h) { h.memory_size = 3; }), "bad ELF segment 1");
  EXPECT_EQ(with([](ElfProgramHeader& h) { h.memory_size = ~0ULL; }), "bad ELF segment 1");
  EXPECT_EQ(with([](ElfProgramHeader& h) { h.virtual_address = 0xfffffffffffff010; }),
            "bad ELF segment 1");
  EXPECT_EQ(with([](ElfProgramHeader& h) { h.physical_address = 0xfffffffffffff010; }),
            "bad ELF segment 1");
  EXPECT_EQ(with([](ElfProgramHeader& h) { h.alignment = 0x1800; }), "bad ELF segment 1");
  EXPECT_EQ(with([](ElfProgramHeader& h) { h.virtual_address += 8; }), "bad ELF segment 1");
  EXPECT_EQ(with([](ElfProgramHeader& h) { h.offset = ~0ULL - 2; }), "bad ELF segment 1");
  EXPECT_EQ(with([](ElfProgramHeader& h) { h.offset = 0x100000010; }).substr(0, 9), "truncated");
}

TEST(Elf, RefusesOverlap) {
  ElfWriter elf = Good();
  elf.program_headers[1].virtual_address = 0x1fe010;
  EXPECT_EQ(ParseText(elf), "ELF segment 1 overlaps another");
  elf = Good();
  elf.program_headers[1].physical_address = 0x20001f;
  EXPECT_EQ(ParseText(elf), "ELF segment 1 overlaps another");
  elf.program_headers[1].physical_address = 0x200020;
  EXPECT_EQ(ParseText(elf), "no error");
}

TEST(Elf, RefusesEntryOutsideText) {
  for (const uint64_t bad : {0ULL, 0x1fffffULL, 0x200020ULL, 0x201010ULL, ~0ULL}) {
    ElfWriter elf = Good();
    elf.header.entry = bad;
    EXPECT_EQ(ParseText(elf).substr(0, 11), "entry point") << bad;
  }
}

}  // namespace
}  // namespace bulkhead
