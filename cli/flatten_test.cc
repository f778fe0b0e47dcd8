// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// Layers to EROFS, as the command does it: its own program under fakeroot, then mkfs.erofs.

#include "cli/flatten.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "cli/example_images.h"
#include "cli/files.h"
#include "cli/image_store.h"
#include "cli/oci_writer.h"

namespace bulkhead {
namespace {

constexpr char kProgram[] = "cli/bulkhead_alone";

class FlattenTest : public testing::Test {
 protected:
  FlattenTest() : work_(*TempDir::Create()) {}

  absl::StatusOr<OciImage> MakeImage(const std::vector<std::string>& layers) {
    const std::string layout = work_.path() + "/layout";
    OciLayoutWriter writer(layout);
    OciLayoutWriter::Image image;
    image.tag = "t";
    image.layers = layers;
    if (absl::Status status = writer.Add(image); !status.ok()) return status;
    if (absl::Status status = writer.Finish(); !status.ok()) return status;
    return OpenOciImage(layout, "", "amd64", "test");
  }

  std::string Flatten(const OciImage& image, const std::string& name) {
    const std::string directory = work_.path() + "/" + name;
    std::filesystem::create_directory(directory);
    const absl::Status status = FlattenImage(image, "test", directory, kProgram, {});
    if (!status.ok()) return std::string(status.message());
    EXPECT_FALSE(FileExists(directory + "/tree"));
    return "";
  }

  // What dump.erofs says about a file of the image.
  std::string Dump(const std::string& name, const std::string& path) {
    Command command;
    command.arguments = {"dump.erofs", "--path=" + path,
                         work_.path() + "/" + name + "/rootfs.erofs"};
    return RunCommand(command, {})->output;
  }

  TempDir work_;
};

TEST_F(FlattenTest, OwnersModesDevicesAndAttributesArrive) {
  LayerEntry program;
  program.path = "program";
  program.data = "data";
  program.mode = 04711;
  program.uid = 70000;
  program.gid = 42;
  program.mtime = 1234567890;
  program.xattrs = {{"security.capability", "12345678"}};
  LayerEntry device;
  device.kind = LayerEntry::Kind::kCharacterDevice;
  device.path = "null";
  device.major = 1;
  device.minor = 3;
  LayerEntry passwd;
  passwd.path = "etc/passwd";
  passwd.data = "root:x:0:0:root:/root:/bin/sh\n";
  LayerEntry group;
  group.kind = LayerEntry::Kind::kSymlink;
  group.path = "etc/group";
  group.data = "/real-group";
  LayerEntry real_group;
  real_group.path = "real-group";
  real_group.data = "root:x:0:\n";
  const absl::StatusOr<OciImage> image =
      MakeImage({MakeLayer({program, passwd}, LayerCompression::kZstd),
                 MakeLayer({device, group, real_group}, LayerCompression::kGzip)});
  ASSERT_TRUE(image.ok()) << image.status();
  ASSERT_EQ(Flatten(*image, "a"), "");
  const std::string dump = Dump("a", "/program");
  for (const char* words : {"Uid: 70000", "Gid: 42", "Access: 0711", "Size: 4 ", "2009-02-13"}) {
    EXPECT_NE(dump.find(words), std::string::npos) << words << " in " << dump;
  }
  EXPECT_EQ(dump.find("Xattr size: 0"), std::string::npos) << dump;
  EXPECT_NE(Dump("a", "/null").find("char dev"), std::string::npos) << Dump("a", "/null");
  EXPECT_EQ(*ReadFile(work_.path() + "/a/passwd", 1000), passwd.data);
  EXPECT_EQ(*ReadFile(work_.path() + "/a/group", 1000), real_group.data);  // a link, in the image

  // Again: the same bytes.
  ASSERT_EQ(Flatten(*image, "b"), "");
  const std::string bytes = *ReadFile(work_.path() + "/a/rootfs.erofs", 1 << 24);
  EXPECT_TRUE(bytes == *ReadFile(work_.path() + "/b/rootfs.erofs", 1 << 24));
  // dump.erofs does not show the set-uid bit: i_mode, little-endian.
  EXPECT_NE(bytes.find("\xc9\x89"), std::string::npos);
}

TEST_F(FlattenTest, AccountFilesAreTheImagesOwn) {
  LayerEntry link;
  link.kind = LayerEntry::Kind::kSymlink;
  link.path = "etc/passwd";
  link.data = "../../../../../../../../etc/hostname";
  ASSERT_EQ(Flatten(*MakeImage({MakeLayer({link})}), "a"), "");
  EXPECT_FALSE(FileExists(work_.path() + "/a/passwd"));
}

TEST_F(FlattenTest, NamesTheLayerThatIsBad) {
  LayerEntry file;
  file.path = "../escape";
  const std::string error = Flatten(*MakeImage({MakeLayer({}), MakeLayer({file})}), "a");
  EXPECT_NE(error.find("layer 2"), std::string::npos) << error;
  EXPECT_NE(error.find("leads out of the image"), std::string::npos) << error;
}

TEST_F(FlattenTest, ExampleHello) {
  ImageStore store(work_.path() + "/cache", kProgram);
  const absl::StatusOr<StoredImage> image = store.Get(
      *ParseImageReference("example:hello"), Architecture::kX86_64, PullPolicy::kMissing, {});
  ASSERT_TRUE(image.ok()) << image.status();
  EXPECT_NE(image->config_json.find("Hello from a pod with its own kernel."), std::string::npos);
  EXPECT_NE(image->passwd.find("root:"), std::string::npos);
  EXPECT_TRUE(FileExists(image->rootfs));
  EXPECT_FALSE(MaterializeExample("absent", Architecture::kX86_64, work_.path()).ok());
}

// Its programs come from the cache, where tools/setup puts them.
TEST_F(FlattenTest, ExampleHelloForAnotherArchitecture) {
  const std::string cache = work_.path() + "/cache";
  ImageStore store(cache, kProgram);
  const auto get = [&] {
    return store.Get(*ParseImageReference("example:hello"), Architecture::kAarch64,
                     PullPolicy::kMissing, {});
  };
  const std::string error(get().status().message());
  EXPECT_NE(error.find("/programs/arm64/bin/busybox; run tools/setup"), std::string::npos) << error;
  ASSERT_TRUE(MakeDirectories(cache + "/programs/arm64/bin").ok());
  ASSERT_TRUE(WriteFileAtomically(cache + "/programs/arm64/bin/busybox", "for arm64").ok());
  const absl::StatusOr<StoredImage> image = get();
  ASSERT_TRUE(image.ok()) << image.status();
  EXPECT_NE(image->config_json.find("\"arm64\""), std::string::npos);
  EXPECT_NE(ReadFile(image->rootfs, 1 << 24)->find("for arm64"), std::string::npos);
}

}  // namespace
}  // namespace bulkhead
