// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "cli/layer_extractor.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <clocale>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "cli/files.h"
#include "cli/oci_writer.h"

namespace bulkhead {
namespace {

using Kind = LayerEntry::Kind;
using Layer = std::vector<LayerEntry>;

LayerEntry Entry(Kind kind, const std::string& path, const std::string& data = "") {
  LayerEntry entry;
  entry.kind = kind;
  entry.path = path;
  entry.data = data;
  entry.mode = kind == Kind::kDirectory ? 0755 : 0644;
  return entry;
}

LayerEntry File(const std::string& path, const std::string& data = "data") {
  return Entry(Kind::kFile, path, data);
}

class LayerExtractorTest : public testing::Test {
 protected:
  LayerExtractorTest() : work_(*TempDir::Create()), tree_(work_.path() + "/tree") {
    std::filesystem::create_directory(tree_);
    std::ofstream(work_.path() + "/outside") << "untouched";
  }

  ~LayerExtractorTest() override {
    // Whatever a layer tried, what lies beside the tree is as it was.
    EXPECT_EQ(ReadFile(work_.path() + "/outside", 100).value_or("gone"), "untouched");
    size_t beside = 0;
    for (const auto& entry : std::filesystem::directory_iterator(work_.path())) {
      beside += entry.path().filename() != "layer" ? 1 : 0;
    }
    EXPECT_EQ(beside, 2u);
  }

  absl::Status Extract(const std::vector<Layer>& layers,
                       LayerCompression compression = LayerCompression::kNone) {
    absl::StatusOr<LayerExtractor> extractor = LayerExtractor::Create(tree_);
    if (!extractor.ok()) return extractor.status();
    for (const Layer& layer : layers) {
      const std::string path = work_.path() + "/layer";
      std::ofstream(path, std::ios::trunc) << MakeLayer(layer, compression);
      if (absl::Status status = extractor->Apply(path); !status.ok()) return status;
    }
    return extractor->Finish();
  }

  struct stat Stat(const std::string& path) {
    struct stat info = {};
    EXPECT_EQ(lstat((tree_ + "/" + path).c_str(), &info), 0) << path;
    return info;
  }
  bool Exists(const std::string& path) {
    struct stat info;
    return lstat((tree_ + "/" + path).c_str(), &info) == 0;
  }
  std::string Read(const std::string& path) {
    return ReadFile(tree_ + "/" + path, 1 << 20).value_or("(unreadable)");
  }

  TempDir work_;
  const std::string tree_;
};

TEST_F(LayerExtractorTest, KeepsOwnersModesAndTimes) {
  LayerEntry program = File("bin/program");
  program.mode = 04755;
  program.uid = 100000;
  program.gid = 70000;
  program.mtime = 1234567890;
  LayerEntry directory = Entry(Kind::kDirectory, "tmp");
  directory.mode = 01777;
  directory.mtime = 1000;
  LayerEntry root = Entry(Kind::kDirectory, "./");
  root.mode = 0711;
  ASSERT_TRUE(Extract({{root, program, directory, File("tmp/later")}}).ok());
  const struct stat info = Stat("bin/program");
  EXPECT_EQ(info.st_mode, static_cast<mode_t>(S_IFREG | 04755));
  EXPECT_EQ(info.st_uid, 100000u);
  EXPECT_EQ(info.st_gid, 70000u);
  EXPECT_EQ(info.st_mtime, 1234567890);
  EXPECT_EQ(Stat("tmp").st_mode, static_cast<mode_t>(S_IFDIR | 01777));
  EXPECT_EQ(Stat("tmp").st_mtime, 1000);
  EXPECT_EQ(Stat(".").st_mode & 07777, 0711u);
  EXPECT_EQ(Stat("bin").st_mode & 07777, 0755u);
}

TEST_F(LayerExtractorTest, KeepsDevicesAttributesAndLinks) {
  LayerEntry device = Entry(Kind::kCharacterDevice, "dev/null");
  device.major = 1;
  device.minor = 3;
  LayerEntry file = File("file");
  file.xattrs = {{"security.capability", std::string("\x01\0\0\x02\0\x20\0\0", 8)},
                 {"user.note", "value"},
                 {"trusted.overlay.opaque", "y"}};
  LayerEntry link = Entry(Kind::kSymlink, "link", "/etc/passwd");
  link.uid = 7;
  ASSERT_TRUE(Extract({{device, file, link, Entry(Kind::kHardLink, "hard", "file"),
                        Entry(Kind::kFifo, "fifo")}})
                  .ok());
  EXPECT_TRUE(S_ISCHR(Stat("dev/null").st_mode));
  EXPECT_EQ(Stat("dev/null").st_rdev, makedev(1, 3));
  EXPECT_TRUE(S_ISFIFO(Stat("fifo").st_mode));
  EXPECT_EQ(Stat("hard").st_ino, Stat("file").st_ino);
  EXPECT_TRUE(S_ISLNK(Stat("link").st_mode));
  EXPECT_EQ(Stat("link").st_uid, 7u);
  const std::string path = tree_ + "/file";
  char value[64];
  EXPECT_EQ(lgetxattr(path.c_str(), "security.capability", value, sizeof(value)), 8);
  EXPECT_EQ(lgetxattr(path.c_str(), "user.note", value, sizeof(value)), 5);
  EXPECT_LT(lgetxattr(path.c_str(), "trusted.overlay.opaque", value, sizeof(value)), 0);
}

TEST_F(LayerExtractorTest, LongNamesAndCompression) {
  const std::string name(255, 'n');
  std::string deep;
  for (int i = 0; i < 10; ++i) deep += std::string(100, static_cast<char>('a' + i)) + "/";
  for (const LayerCompression compression :
       {LayerCompression::kNone, LayerCompression::kGzip, LayerCompression::kZstd}) {
    ASSERT_TRUE(Extract({{File(deep + name), File("n\xc3\xa4me")}}, compression).ok());
    EXPECT_EQ(Read(deep + name), "data");
    EXPECT_EQ(Read("n\xc3\xa4me"), "data");
  }
}

TEST_F(LayerExtractorTest, Whiteouts) {
  const absl::Status status =
      Extract({{File("a"), File("d/x"), File("d/y"), File("e/z"), File("kept")},
               {File(".wh.a"), File("d/.wh.x", ""), File(".wh.e"), File(".wh.never-there"),
                File("gone/.wh.x")}});
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_FALSE(Exists("a"));
  EXPECT_FALSE(Exists("d/x"));
  EXPECT_TRUE(Exists("d/y"));
  EXPECT_FALSE(Exists("e"));
  EXPECT_TRUE(Exists("kept"));
  EXPECT_FALSE(Exists(".wh.a"));
}

TEST_F(LayerExtractorTest, WhiteoutsHideOnlyLowerLayersInAnyOrder) {
  ASSERT_TRUE(Extract({{File("d/old"), File("e/old"), File("f/sub/old")},
                       {File("d/new"), File("d/.wh..wh..opq"), File("e/new"), File(".wh.e"),
                        File("f/sub/new"), File("f/.wh..wh..opq")}})
                  .ok());
  EXPECT_TRUE(Exists("d/new"));
  EXPECT_FALSE(Exists("d/old"));
  EXPECT_TRUE(Exists("e/new"));
  EXPECT_FALSE(Exists("e/old"));
  EXPECT_TRUE(Exists("f/sub/new"));
  EXPECT_FALSE(Exists("f/sub/old"));
}

TEST_F(LayerExtractorTest, LaterEntriesReplaceEarlierOnes) {
  ASSERT_TRUE(Extract({{File("a", "1"), File("d/x"), Entry(Kind::kDirectory, "keep"),
                        File("keep/x"), File("f")},
                       {File("a", "2"), File("d"), Entry(Kind::kDirectory, "keep"),
                        Entry(Kind::kDirectory, "f")}})
                  .ok());
  EXPECT_EQ(Read("a"), "2");
  EXPECT_TRUE(S_ISREG(Stat("d").st_mode));
  EXPECT_TRUE(Exists("keep/x"));
  EXPECT_TRUE(S_ISDIR(Stat("f").st_mode));
}

TEST_F(LayerExtractorTest, ReplacingOneHardLinkLeavesTheOther) {
  ASSERT_TRUE(Extract({{File("a", "1"), Entry(Kind::kHardLink, "b", "a")}, {File("b", "2")}}).ok());
  EXPECT_EQ(Read("a"), "1");
  EXPECT_EQ(Read("b"), "2");
}

TEST_F(LayerExtractorTest, NothingGetsOut) {
  // Up, by a link, by a link to a link, by a whiteout, by a hard link, by replacing.
  EXPECT_FALSE(Extract({{File("../outside", "hit")}}).ok());
  EXPECT_FALSE(Extract({{File("a/../../outside", "hit")}}).ok());
  EXPECT_FALSE(Extract({{File("/../outside", "hit")}}).ok());
  EXPECT_TRUE(Extract({{Entry(Kind::kSymlink, "up", ".."), File("up/outside", "hit")}}).ok());
  EXPECT_TRUE(S_ISDIR(Stat("up").st_mode));
  EXPECT_TRUE(
      Extract({{Entry(Kind::kSymlink, "abs", work_.path())}, {File("abs/outside", "hit")}}).ok());
  EXPECT_TRUE(Extract({{Entry(Kind::kSymlink, "w", "..")}, {File("w/.wh.outside")}}).ok());
  EXPECT_TRUE(Extract({{Entry(Kind::kSymlink, "o", "..")}, {File("o/.wh..wh..opq")}}).ok());
  EXPECT_FALSE(Extract({{Entry(Kind::kHardLink, "h", "../outside")}}).ok());
  EXPECT_FALSE(
      Extract({{Entry(Kind::kSymlink, "s", ".."), Entry(Kind::kHardLink, "h", "s/outside")}}).ok());
  EXPECT_TRUE(
      Extract({{Entry(Kind::kSymlink, "f", "../outside"), File("f", "not through the link")}})
          .ok());
  EXPECT_EQ(Read("f"), "not through the link");
  EXPECT_FALSE(Extract({{File(".wh..", "")}}).ok());
  // Absolute names are names below the root.
  EXPECT_TRUE(Extract({{File("/etc/x", "inside")}}).ok());
  EXPECT_EQ(Read("etc/x"), "inside");
}

TEST_F(LayerExtractorTest, DamageIsAnError) {
  absl::StatusOr<LayerExtractor> extractor = LayerExtractor::Create(tree_);
  const std::string path = work_.path() + "/layer";
  const std::string good =
      MakeLayer({File("a", std::string(100000, 'x'))}, LayerCompression::kGzip);
  std::ofstream(path, std::ios::trunc) << good.substr(0, good.size() / 2);
  EXPECT_FALSE(extractor->Apply(path).ok());
  std::ofstream(path, std::ios::trunc) << std::string(2000, 'j');
  EXPECT_FALSE(extractor->Apply(path).ok());
  EXPECT_FALSE(Extract({{Entry(Kind::kHardLink, "a1", "missing")}}).ok());
}

}  // namespace
}  // namespace bulkhead

// The tests need to be root, or to believe it: they run themselves again under fakeroot.
int main(int argc, char** argv) {
  if (std::getenv("FAKEROOTKEY") == nullptr) {
    std::vector<char*> arguments = {const_cast<char*>("fakeroot"), const_cast<char*>("--")};
    arguments.insert(arguments.end(), argv, argv + argc);
    arguments.push_back(nullptr);
    setenv("FAKEROOTDONTTRYCHOWN", "1", 1);  // as in cli/fakeroot.cc
    execvp("fakeroot", arguments.data());
    perror("fakeroot");
    return 1;
  }
  std::setlocale(LC_CTYPE, "C.UTF-8");
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
