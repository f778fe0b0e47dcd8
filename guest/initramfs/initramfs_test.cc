// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "guest/initramfs/initramfs.h"

#include <elf.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string>

#include "guest/initramfs/elf_file.h"
#include "guest/initramfs/modules.h"
#include "guest/initramfs/read_file.h"

namespace bulkhead {
namespace {

namespace fs = std::filesystem;
using namespace std::string_literals;  // NUL bytes in literals count
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

fs::path TempDir(const std::string& name) {
  const fs::path dir = fs::path(std::getenv("TEST_TMPDIR")) / name;
  fs::remove_all(dir);
  fs::create_directories(dir);
  return dir;
}

// GNU cpio's view of an archive: its verdict on the format counts, not ours.
std::string List(const std::string& archive) {
  const fs::path dir = TempDir("list");
  std::ofstream(dir / "archive", std::ios::binary) << archive;
  const std::string command = "cd " + dir.string() +
                              " && cpio --quiet -itv < archive | awk '{print $1,$3,$4,$5,$NF}'"
                              " > list 2>&1 && mkdir x && cd x && cpio --quiet -id < ../archive";
  EXPECT_EQ(std::system(command.c_str()), 0);
  return *ReadWholeFile(dir / "list");
}

TEST(CpioWriterTest, IsReadByCpio) {
  CpioWriter cpio;
  cpio.AddFile("a/b/file", 0640, "contents");
  cpio.AddFile("a/empty", 0600, "");
  cpio.AddSymlink("a/link", "b/file");
  cpio.AddDirectory("a/b");  // is there
  const std::string archive = std::move(cpio).Finish();
  EXPECT_EQ(archive.size() % 512, 0u);
  EXPECT_EQ(List(archive),
            "drwxr-xr-x root root 0 a\n"
            "drwxr-xr-x root root 0 a/b\n"
            "-rw-r----- root root 8 a/b/file\n"
            "-rw------- root root 0 a/empty\n"
            "lrwxrwxrwx root root 6 b/file\n");
  const fs::path extracted = fs::path(std::getenv("TEST_TMPDIR")) / "list/x/a/b/file";
  EXPECT_EQ(*ReadWholeFile(extracted), "contents");
}

TEST(PodInitramfsTest, HoldsThePodsFiles) {
  PodSpec spec;
  spec.containers.resize(2);
  EXPECT_EQ(List(BuildPodInitramfs({spec, {"{}", "[]"}, "name", ""})),
            "drwxr-xr-x root root 0 bulkhead\n"
            "-rw------- root root 48 bulkhead/pod\n"
            "drwxr-xr-x root root 0 bulkhead/containers\n"
            "drwxr-xr-x root root 0 bulkhead/containers/0\n"
            "-rw------- root root 2 bulkhead/containers/0/config.json\n"
            "drwxr-xr-x root root 0 bulkhead/containers/1\n"
            "-rw------- root root 2 bulkhead/containers/1/config.json\n"
            "-rw-r--r-- root root 5 bulkhead/hostname\n");
  EXPECT_THAT(List(BuildPodInitramfs({spec, {}, "name", "nameserver 192.0.2.1\n"})),
              HasSubstr("bulkhead/resolv.conf"));
}

TEST(ModinfoTest, FindsDependencies) {
  const std::string section =
      "license=GPL\0depends=a,b-c\0softdep=pre: d e post: f\0softdep=pre: g\0"s;
  const ModuleInfo info = ParseModinfo(section);
  EXPECT_THAT(info.depends, ElementsAre("a", "b-c"));
  EXPECT_THAT(info.prefers, ElementsAre("d", "e", "g"));
  EXPECT_THAT(ParseModinfo("depends=\0"s).depends, IsEmpty());
  EXPECT_THAT(ParseModinfo("").depends, IsEmpty());
}

// The smallest ELF file with a .modinfo section: header, section names, contents, three sections.
std::string Module(const std::string& modinfo) {
  const std::string names = "\0.shstrtab\0.modinfo\0"s;
  Elf64_Ehdr header = {};
  std::memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = ELFCLASS64;
  header.e_ident[EI_DATA] = ELFDATA2LSB;
  header.e_shentsize = sizeof(Elf64_Shdr);
  header.e_shnum = 3;
  header.e_shstrndx = 1;
  header.e_shoff = sizeof(header) + names.size() + modinfo.size();
  Elf64_Shdr sections[3] = {};
  sections[1].sh_name = 1;
  sections[1].sh_offset = sizeof(header);
  sections[1].sh_size = names.size();
  sections[2].sh_name = 11;
  sections[2].sh_offset = sizeof(header) + names.size();
  sections[2].sh_size = modinfo.size();
  return std::string(reinterpret_cast<const char*>(&header), sizeof(header)) + names + modinfo +
         std::string(reinterpret_cast<const char*>(sections), sizeof(sections));
}

class ResolveModulesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    dir_ = TempDir("modules");
    fs::create_directories(dir_ / "kernel/drivers");
    std::ofstream(dir_ / "modules.builtin") << "kernel/lib/builtin-one.ko\n";
  }
  void Add(const std::string& name, const std::string& modinfo) {
    std::ofstream(dir_ / "kernel/drivers" / name, std::ios::binary)
        << Module(modinfo + std::string(1, '\0'));
  }
  fs::path dir_;
};

TEST_F(ResolveModulesTest, PutsEachAfterWhatItNeeds) {
  Add("top-one.ko", "depends=middle,base");
  Add("middle.ko", "depends=base\0softdep=pre: soft absent"s);
  Add("base.ko", "depends=builtin_one");
  Add("soft.ko", "depends=");
  Add("unused.ko", "depends=");
  const absl::StatusOr<std::vector<std::string>> order =
      ResolveModules(dir_, {"top_one", "base", "builtin-one"});
  ASSERT_TRUE(order.ok()) << order.status();
  EXPECT_THAT(*order, ElementsAre(EndsWith("/soft.ko"), EndsWith("/base.ko"),
                                  EndsWith("/middle.ko"), EndsWith("/top-one.ko")));
}

TEST_F(ResolveModulesTest, NamesWhatIsWrong) {
  Add("a.ko", "depends=gone");
  Add("b.ko.xz", "depends=");
  std::ofstream(dir_ / "kernel/drivers/c.ko") << "not ELF";
  EXPECT_THAT(std::string(ResolveModules(dir_, {"a"}).status().message()), HasSubstr("gone"));
  EXPECT_THAT(std::string(ResolveModules(dir_, {"b"}).status().message()), HasSubstr("compressed"));
  EXPECT_THAT(std::string(ResolveModules(dir_, {"c"}).status().message()), HasSubstr("c.ko"));
  EXPECT_FALSE(ResolveModules(dir_ / "nowhere", {"a"}).ok());
  EXPECT_TRUE(ResolveModules(dir_ / "nowhere", {}).ok()) << "a kernel with everything built in";
}

TEST(WithoutSignatureTest, CutsExactlyTheSignature) {
  const std::string marker = "~Module signature appended~\n";
  const std::string info = "\0\0\2\0\0\0\0\0\0\0\0\5"s;
  EXPECT_EQ(WithoutSignature("module" + "12345"s + info + marker), "module");
  // Not signed, cut short, or a length beyond the file's start: as it is.
  for (const std::string& file : {"module"s, ""s, marker, "123"s + info + marker}) {
    EXPECT_EQ(WithoutSignature(file), file);
  }
}

TEST(ElfFileTest, ReadsThisProgram) {
  const absl::StatusOr<std::string> self = ReadWholeFile("/proc/self/exe");
  // /proc files of a known size only; the real path is as good.
  const std::string file = self.ok() && !self->empty()
                               ? *self
                               : *ReadWholeFile(fs::read_symlink("/proc/self/exe").string());
  const absl::StatusOr<ElfDependencies> needs = ReadElfDependencies(file);
  ASSERT_TRUE(needs.ok()) << needs.status();
  EXPECT_THAT(needs->interpreter, HasSubstr("ld-linux"));
  EXPECT_THAT(needs->libraries, ::testing::Contains("libc.so.6"));
  EXPECT_TRUE(FindElfSection(file, ".text").ok());
  EXPECT_FALSE(FindElfSection(file, ".no-such-section").ok());
  // Cut anywhere, it is an error or another answer, never a read beyond its end.
  for (size_t size = 0; size < file.size(); size += 1 + size / 7) {
    const std::string cut = file.substr(0, size);
    (void)ReadElfDependencies(cut);
    EXPECT_FALSE(FindElfSection(cut, ".text").ok()) << size;
  }
}

// The least of a dynamic ELF file of `machine` (EM_...): an interpreter and a library it needs, or
// without them when they are empty.
std::string DynamicProgram(uint16_t machine, const std::string& interpreter,
                           const std::string& library) {
  const std::string strings = "\0"s + library + "\0"s;
  Elf64_Ehdr header = {};
  std::memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = ELFCLASS64;
  header.e_ident[EI_DATA] = ELFDATA2LSB;
  header.e_machine = machine;
  header.e_phoff = sizeof(header);
  header.e_phentsize = sizeof(Elf64_Phdr);
  header.e_phnum = 3;
  const Elf64_Dyn dynamic[] = {{DT_STRTAB, {0}},
                               {DT_STRSZ, {strings.size()}},
                               {library.empty() ? DT_DEBUG : DT_NEEDED, {1}},
                               {DT_NULL, {0}}};
  const size_t data = sizeof(header) + 3 * sizeof(Elf64_Phdr);
  Elf64_Phdr segments[3] = {};
  segments[0].p_type = PT_LOAD;
  segments[0].p_offset = data;
  segments[0].p_filesz = strings.size();
  segments[1].p_type = PT_DYNAMIC;
  segments[1].p_offset = data + strings.size();
  segments[1].p_filesz = sizeof(dynamic);
  segments[2].p_type = interpreter.empty() ? PT_NULL : PT_INTERP;
  segments[2].p_offset = data + strings.size() + sizeof(dynamic);
  segments[2].p_filesz = interpreter.size() + 1;
  std::string out(reinterpret_cast<const char*>(&header), sizeof(header));
  out.append(reinterpret_cast<const char*>(segments), sizeof(segments));
  out += strings;
  out.append(reinterpret_cast<const char*>(dynamic), sizeof(dynamic));
  return out + interpreter + "\0"s;
}

TEST(BaseInitramfsTest, NamesTheFileThatIsMissing) {
  InitramfsOptions options;
  options.init = "/no/such/init";
  const absl::StatusOr<std::string> archive = BuildBaseInitramfs(options);
  ASSERT_FALSE(archive.ok());
  EXPECT_THAT(std::string(archive.status().message()), HasSubstr("/no/such/init"));
}

TEST(BaseInitramfsTest, HoldsTheRuntimeOnceAndItsLibraries) {
  const fs::path dir = TempDir("base");
  fs::create_directories(dir / "kernel");
  std::ofstream(dir / "modules.builtin") << "";
  std::ofstream(dir / "init") << "program";
  InitramfsOptions options;
  options.init = dir / "init";
  options.modules_dir = dir;
  options.modules = {};
  const absl::StatusOr<std::string> archive = BuildBaseInitramfs(options);
  ASSERT_TRUE(archive.ok()) << archive.status();
  const std::string list = List(*archive);
  for (const char* const name :
       {" init\n", " usr/bin/crun\n", "/libc.so.6\n", "/ld-linux-x86-64.so.2\n",
        " lib/modules/load-order\n", " dev\n", " proc\n"}) {
    const size_t first = list.find(name);
    EXPECT_NE(first, std::string::npos) << name << "\n" << list;
    EXPECT_EQ(list.find(name, first + 1), std::string::npos) << name << "\n" << list;
  }
}

// Another machine's programs: a file tree in which the directories of libraries are links.
TEST(BaseInitramfsTest, TakesProgramsFromTheirTreeAlone) {
  const fs::path dir = TempDir("foreign");
  const fs::path root = dir / "programs";
  fs::create_directories(root / "usr/bin");
  fs::create_directories(root / "usr/lib/aarch64-linux-gnu");
  fs::create_directory_symlink("usr/lib", root / "lib");
  std::ofstream(dir / "init") << "program";
  InitramfsOptions options;
  options.init = dir / "init";
  options.modules = {};
  options.programs = root;
  const auto error = [&] { return std::string(BuildBaseInitramfs(options).status().message()); };
  EXPECT_THAT(error(), HasSubstr((root / "usr/bin/crun").string()));

  std::ofstream(root / "usr/bin/crun") << DynamicProgram(EM_AARCH64, "/lib/ld.so", "libx.so");
  std::ofstream(root / "usr/lib/ld.so") << DynamicProgram(EM_AARCH64, "", "");
  EXPECT_THAT(error(), HasSubstr("needs the library libx.so"));
  const fs::path library = root / "usr/lib/aarch64-linux-gnu/libx.so";
  std::ofstream(library) << DynamicProgram(EM_X86_64, "", "ld.so");
  EXPECT_THAT(error(), HasSubstr("another machine"));
  std::ofstream(library, std::ios::trunc) << DynamicProgram(EM_AARCH64, "", "ld.so");
  const absl::StatusOr<std::string> archive = BuildBaseInitramfs(options);
  ASSERT_TRUE(archive.ok()) << archive.status();
  const std::string list = List(*archive);
  for (const char* const name :
       {" usr/bin/crun\n", " lib/ld.so\n", " lib/aarch64-linux-gnu/libx.so\n"}) {
    EXPECT_THAT(list, HasSubstr(name));
  }
  std::ofstream(root / "usr/bin/crun", std::ios::trunc) << DynamicProgram(EM_RISCV, "", "");
  EXPECT_THAT(error(), HasSubstr("no guests of ELF machine 243"));
}

}  // namespace
}  // namespace bulkhead
