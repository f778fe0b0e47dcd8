// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "vmm/x86_64/pvh.h"

#include <cstring>
#include <string>
#include <vector>

#include "boot/pvh/start_info.h"
#include "boot/testing/elf_writer.h"
#include "gtest/gtest.h"
#include "vmm/x86_64/layout.h"

namespace bulkhead {
namespace {

constexpr uint64_t kMib = 1 << 20;

// A kernel with code at 16 MiB, data with zeros after it at 17 MiB, and a PVH note in the data.
ElfWriter Kernel() {
  const std::string entry{"\x00\x00\x00\x01", 4};  // 16 MiB
  const std::string note = ElfNote("Xen", 18, entry);
  ElfWriter elf;
  elf.header.entry = 16 * kMib;
  elf.contents = std::string(0x1000, '\xf4') + note;
  elf.contents.resize(0x2000, 'd');
  elf.program_headers = {
      {.flags = 5,
       .offset = 0x1000,
       .virtual_address = 0xffffffff81000000,
       .physical_address = 16 * kMib,
       .file_size = 0x1000,
       .memory_size = 0x1000},
      {.flags = 6,
       .offset = 0x2000,
       .virtual_address = 0xffffffff81100000,
       .physical_address = 17 * kMib,
       .file_size = 0x1000,
       .memory_size = 0x3000},
      {.type = 4,
       .flags = 4,
       .offset = 0x2000,
       .virtual_address = 0xffffffff81100000,
       .physical_address = 17 * kMib,
       .file_size = note.size(),
       .memory_size = note.size(),
       .alignment = 4},
  };
  return elf;
}

class PvhTest : public testing::Test {
 protected:
  explicit PvhTest(uint64_t low = 40 * kMib) : low_(low, std::byte{0xee}), memory_({0, low_}) {}

  PvhError Load(const std::string& kernel, const std::string& initramfs = "",
                std::string_view command_line = "quiet") {
    return LoadPvhKernel({std::as_bytes(std::span(kernel)), std::as_bytes(std::span(initramfs)),
                          command_line, GuestPhysical{0xe0000}},
                         memory_, loaded_);
  }
  template <typename T>
  T Get(uint64_t at) {
    return *memory_.Read<T>(GuestPhysical{at});
  }
  static std::string Describe(const PvhError& error) {
    Text<256> text;
    text << error;
    return std::string(text.view());
  }

  std::vector<std::byte> low_;
  GuestMemory memory_;
  LoadedKernel loaded_;
};

TEST_F(PvhTest, EntryState) {
  ASSERT_TRUE(Load(Kernel().Finish()).ok());
  const EntryState& entry = loaded_.entry;
  EXPECT_EQ(entry.rip, 16 * kMib);
  EXPECT_EQ(entry.gpr[kGprRbx], layout::kStartInfo);
  EXPECT_EQ(entry.rflags, 2u);
  EXPECT_EQ(entry.cr0, 0x11u);
  EXPECT_EQ(entry.cr4, 0u);
  EXPECT_EQ(entry.efer, 0u);
  EXPECT_EQ(entry.code.attributes, 0xc9b);
  EXPECT_EQ(entry.code.limit, 0xffffffffu);
  EXPECT_EQ(entry.data.attributes, 0xc93);
  EXPECT_EQ(entry.task.attributes, 0x8b);
  EXPECT_EQ(entry.task.limit, 0x67u);
}

TEST_F(PvhTest, Segments) {
  ASSERT_TRUE(Load(Kernel().Finish()).ok());
  EXPECT_EQ(loaded_.kernel_start, 16 * kMib);
  EXPECT_EQ(loaded_.kernel_end, 17 * kMib + 0x3000);
  EXPECT_EQ(low_[16 * kMib - 1], std::byte{0xee});
  EXPECT_EQ(low_[16 * kMib], std::byte{0xf4});
  EXPECT_EQ(low_[16 * kMib + 0x1000], std::byte{0xee});
  EXPECT_EQ(low_[17 * kMib + 0xfff], std::byte{'d'});
  EXPECT_EQ(low_[17 * kMib + 0x1000], std::byte{0});
  EXPECT_EQ(low_[17 * kMib + 0x2fff], std::byte{0});
  EXPECT_EQ(low_[17 * kMib + 0x3000], std::byte{0xee});
}

TEST_F(PvhTest, StartInfo) {
  const std::string initramfs(5000, 'i');
  ASSERT_TRUE(Load(Kernel().Finish(), initramfs, "console=hvc0 quiet").ok());
  const auto info = Get<PvhStartInfo>(layout::kStartInfo);
  EXPECT_EQ(info.magic, kPvhMagic);
  EXPECT_EQ(info.version, 1u);
  EXPECT_EQ(info.rsdp, 0xe0000u);
  EXPECT_STREQ(reinterpret_cast<const char*>(&low_[info.command_line]), "console=hvc0 quiet");
  ASSERT_EQ(info.module_count, 1u);
  const auto module = Get<PvhModule>(info.modules);
  EXPECT_EQ(module.address, 40 * kMib - 8192);
  EXPECT_EQ(module.address, loaded_.initramfs_start);
  EXPECT_EQ(module.length, 5000u);
  EXPECT_EQ(module.command_line, 0u);
  EXPECT_EQ(std::memcmp(&low_[module.address], initramfs.data(), initramfs.size()), 0);
  ASSERT_EQ(info.memory_map_count, 3u);
  uint64_t next = 0;
  for (uint32_t i = 0; i < 3; ++i) {
    const auto range = Get<PvhMemoryRange>(info.memory_map + i * sizeof(PvhMemoryRange));
    EXPECT_EQ(range.address, next);
    EXPECT_EQ(range.type, i == 1 ? 3u : 1u);
    next = range.address + range.length;
  }
  EXPECT_EQ(next, 40 * kMib);
}

TEST_F(PvhTest, HighMemoryIsInTheMap) {
  std::vector<std::byte> high(2 * kMib);
  memory_ = GuestMemory({0, low_}, {layout::kHighRamStart, high});
  ASSERT_TRUE(Load(Kernel().Finish()).ok());
  const auto info = Get<PvhStartInfo>(layout::kStartInfo);
  EXPECT_EQ(info.module_count, 0u);
  ASSERT_EQ(info.memory_map_count, 4u);
  const auto range = Get<PvhMemoryRange>(info.memory_map + 3 * sizeof(PvhMemoryRange));
  EXPECT_EQ(range.address, layout::kHighRamStart);
  EXPECT_EQ(range.length, 2 * kMib);
}

TEST_F(PvhTest, NoMemory) {
  ElfWriter elf = Kernel();
  elf.program_headers[1].memory_size = 30 * kMib;
  PvhError error = Load(elf.Finish());
  EXPECT_EQ(error.kind, PvhErrorKind::kNoMemory);
  EXPECT_EQ(Describe(error), "kernel and initramfs need 63 MiB of memory, the pod has 40 MiB");
  error = Load(Kernel().Finish(), std::string(8 * kMib, 'i'));
  EXPECT_EQ(error.kind, PvhErrorKind::kNoMemory);
  EXPECT_EQ(error.needed, 42 * kMib);
}

TEST_F(PvhTest, KernelPlace) {
  ElfWriter elf = Kernel();
  elf.program_headers[1].physical_address = 0x80000;
  PvhError error = Load(elf.Finish());
  EXPECT_EQ(error.kind, PvhErrorKind::kKernelPlace);
  EXPECT_EQ(error.address, 0x80000u);
  elf.program_headers[1].physical_address = 0xfffff000;
  EXPECT_EQ(Load(elf.Finish()).kind, PvhErrorKind::kKernelPlace);
  elf.program_headers[1].physical_address = 0xc0000000;  // in the hole
  error = Load(elf.Finish());
  EXPECT_EQ(error.kind, PvhErrorKind::kNoMemory);
}

TEST_F(PvhTest, BadKernels) {
  PvhError error = Load("not a kernel at all, but long enough to hold a whole ELF header of 64");
  EXPECT_EQ(error.kind, PvhErrorKind::kBadKernel);
  EXPECT_EQ(error.elf.kind, ElfErrorKind::kNotElf);
  const std::string whole = Kernel().Finish();
  error = Load(whole.substr(0, 0x1800));
  EXPECT_EQ(error.elf.kind, ElfErrorKind::kTruncated);
  ElfWriter elf = Kernel();
  elf.program_headers.pop_back();
  error = Load(elf.Finish());
  EXPECT_EQ(error.elf.kind, ElfErrorKind::kNoPvhEntry);
  EXPECT_EQ(Describe(error).rfind("the kernel cannot be loaded: ", 0), 0u);
}

TEST_F(PvhTest, CommandLine) {
  const std::string kernel = Kernel().Finish();
  EXPECT_TRUE(Load(kernel, "", std::string(layout::kCommandLineSize - 1, 'x')).ok());
  EXPECT_EQ(Get<char>(layout::kCommandLine + layout::kCommandLineSize - 1), 0);
  const PvhError error = Load(kernel, "", std::string(layout::kCommandLineSize, 'x'));
  EXPECT_EQ(error.kind, PvhErrorKind::kCommandLineTooLong);
  EXPECT_EQ(error.needed, 4096u);
  EXPECT_EQ(error.available, 4095u);
}

// RAM that holds nothing of what is needed is refused, not written past.
TEST_F(PvhTest, TinyMemory) {
  for (const uint64_t size : {uint64_t{0}, uint64_t{4096}, kMib, 17 * kMib}) {
    low_.assign(size, std::byte{0});
    memory_ = GuestMemory({0, low_});
    EXPECT_EQ(Load(Kernel().Finish()).kind, PvhErrorKind::kNoMemory);
  }
}

}  // namespace
}  // namespace bulkhead
