// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "cli/oci_layout.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "cli/files.h"
#include "cli/image_fetch.h"
#include "cli/image_reference.h"
#include "cli/oci_writer.h"

namespace bulkhead {
namespace {

class OciLayoutTest : public testing::Test {
 protected:
  OciLayoutTest() : work_(*TempDir::Create()), layout_(work_.path() + "/layout") {}

  void Write(const std::vector<OciLayoutWriter::Image>& images) {
    OciLayoutWriter writer(layout_);
    for (const OciLayoutWriter::Image& image : images) ASSERT_TRUE(writer.Add(image).ok());
    ASSERT_TRUE(writer.Finish().ok());
  }

  static OciLayoutWriter::Image Image(const std::string& tag, const std::string& data = "x") {
    OciLayoutWriter::Image image;
    image.tag = tag;
    LayerEntry entry;
    entry.path = "file";
    entry.data = data;
    image.layers = {MakeLayer({entry})};
    return image;
  }

  std::string Error(const std::string& tag = "") {
    const absl::StatusOr<OciImage> image = OpenOciImage(layout_, tag, "amd64", "oci:test");
    if (!image.ok()) return std::string(image.status().message());
    return std::string(VerifyLayers(*image, "oci:test").message());
  }

  std::string LayerPath() {
    const absl::StatusOr<OciImage> image = OpenOciImage(layout_, "", "amd64", "oci:test");
    EXPECT_TRUE(image.ok()) << image.status();
    return image->BlobPath(image->layers[0]);
  }

  // One tag, an image for each architecture.
  static std::vector<OciLayoutWriter::Image> BothArchitectures() {
    OciLayoutWriter::Image arm = Image("latest", "arm");
    arm.arch = "arm64";
    arm.platform_in_index = true;
    OciLayoutWriter::Image amd = Image("latest", "amd");
    amd.platform_in_index = true;
    return {arm, amd};
  }

  void ExpectArchitecture(const std::string& arch) {
    const absl::StatusOr<OciImage> image = OpenOciImage(layout_, "", arch, "t");
    ASSERT_TRUE(image.ok()) << image.status();
    EXPECT_TRUE(Has(image->config_json, "\"" + arch + "\"")) << image->config_json;
    EXPECT_TRUE(VerifyLayers(*image, "t").ok());
  }

  static bool Has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
  }

  TempDir work_;
  std::string layout_;
};

TEST_F(OciLayoutTest, OpensTheOnlyImage) {
  Write({Image("latest")});
  EXPECT_EQ(Error(), "");
  EXPECT_EQ(Error("latest"), "");
  EXPECT_TRUE(Has(Error("other"), "latest")) << Error("other");
}

TEST_F(OciLayoutTest, IdFollowsTheContents) {
  Write({Image("a"), Image("b"), Image("c", "y")});
  const auto id = [&](const char* tag) { return OpenOciImage(layout_, tag, "amd64", "t")->Id(); };
  EXPECT_EQ(id("a"), id("b"));
  EXPECT_NE(id("a"), id("c"));
  EXPECT_TRUE(Has(Error(), "several images")) << Error();
}

TEST_F(OciLayoutTest, ChoosesTheArchitecture) {
  Write(BothArchitectures());
  for (const std::string arch : {"amd64", "arm64"}) ExpectArchitecture(arch);
}

// As `skopeo copy --all` and `docker buildx` leave it.
TEST_F(OciLayoutTest, ChoosesTheArchitectureInANestedIndex) {
  for (const char* const type : {kOciIndexType, kDockerIndexType}) {
    OciLayoutWriter writer(layout_);
    for (OciLayoutWriter::Image image : BothArchitectures()) {
      image.tag.clear();
      ASSERT_TRUE(writer.Add(image).ok());
    }
    ASSERT_TRUE(writer.FinishAsOne("multi", type).ok());
    for (const std::string arch : {"amd64", "arm64"}) ExpectArchitecture(arch);
    EXPECT_EQ(Error("multi"), "");
    const std::string other(OpenOciImage(layout_, "multi", "s390x", "t").status().message());
    for (const char* words : {"linux/amd64, linux/arm64", "not for linux/s390x"}) {
      EXPECT_TRUE(Has(other, words)) << other;
    }
  }
}

TEST_F(OciLayoutTest, OtherArchitectureNamesBoth) {
  for (const bool in_index : {false, true}) {
    OciLayoutWriter::Image arm = Image("latest");
    arm.arch = "arm64";
    arm.platform_in_index = in_index;
    Write({arm});
    EXPECT_TRUE(Has(Error(), "linux/arm64") && Has(Error(), "linux/amd64")) << Error();
  }
}

TEST_F(OciLayoutTest, SeesDamage) {
  Write({Image("latest")});
  const std::string layer = LayerPath();
  std::filesystem::resize_file(layer, std::filesystem::file_size(layer) - 1);
  EXPECT_TRUE(Has(Error(), "truncated")) << Error();
  std::ofstream(layer, std::ios::app) << 'x';
  EXPECT_TRUE(Has(Error(), "digest mismatch")) << Error();
  std::ofstream(layer, std::ios::app) << 'x';
  EXPECT_TRUE(Has(Error(), "bytes instead of")) << Error();
  std::filesystem::remove(layer);
  EXPECT_TRUE(Has(Error(), "missing")) << Error();
}

TEST_F(OciLayoutTest, NoLayout) {
  EXPECT_TRUE(Has(Error(), "does not exist")) << Error();
  ASSERT_TRUE(MakeDirectories(layout_).ok());
  EXPECT_TRUE(Has(Error(), "not an OCI image layout")) << Error();
  for (const char* text :
       {"", "{", "[]", "{\"manifests\": 3}", "{\"manifests\": [{}]}", "{\"manifests\": [7]}",
        "{\"manifests\": [{\"digest\": \"sha256:../../../etc/passwd\", \"size\": 1}]}"}) {
    std::ofstream(layout_ + "/index.json", std::ios::trunc) << text;
    EXPECT_NE(Error(), "") << text;
  }
}

TEST(Digest, HasOneForm) {
  EXPECT_TRUE(IsSha256Digest("sha256:" + std::string(64, 'a')));
  EXPECT_FALSE(IsSha256Digest("sha256:" + std::string(63, 'a')));
  EXPECT_FALSE(IsSha256Digest("sha256:" + std::string(64, 'A')));
  EXPECT_FALSE(IsSha256Digest("sha512:" + std::string(64, 'a')));
  EXPECT_FALSE(IsSha256Digest("sha256:../" + std::string(61, 'a')));
}

TEST(ImageReference, Transports) {
  EXPECT_EQ(ParseImageReference("oci:dir")->path, "dir");
  EXPECT_EQ(ParseImageReference("oci:dir:tag")->tag, "tag");
  EXPECT_EQ(ParseImageReference("docker-archive:a.tar:repo/x:1")->tag, "repo/x:1");
  EXPECT_EQ(ParseImageReference("oci-archive:a.tar")->transport, Transport::kOciArchive);
  EXPECT_EQ(ParseImageReference("docker://h:5000/x:1")->path, "h:5000/x:1");
  EXPECT_EQ(ParseImageReference("example:hello")->transport, Transport::kExample);
  for (const char* bad : {"", "x", "redis:latest", "oci:", "oci", "docker:x", "docker://"}) {
    EXPECT_FALSE(ParseImageReference(bad).ok()) << bad;
  }
}

TEST(Skopeo, ErrorsBecomeOneLine) {
  const ImageReference registry = *ParseImageReference("docker://r.example/x:1");
  const auto line = [&](const std::string& message) {
    return std::string(
        SkopeoFailure("time=\"2024\" level=fatal msg=\"" + message + "\"\n", registry, "amd64")
            .message());
  };
  EXPECT_NE(line("reading manifest 1: manifest unknown").find("does not exist"), std::string::npos);
  EXPECT_NE(line("pinging: dial tcp: lookup r.example: no such host").find("cannot be reached"),
            std::string::npos);
  EXPECT_NE(line("requested access to the resource is denied").find("login"), std::string::npos);
  EXPECT_NE(line("Digest did not match, expected sha256:1, got sha256:2").find("digest mismatch"),
            std::string::npos);
  EXPECT_NE(line("no image found in manifest list for architecture amd64").find("linux/amd64"),
            std::string::npos);
  EXPECT_NE(line("write /x: no space left on device").find("no space"), std::string::npos);
  EXPECT_EQ(line("a \\\"quoted\\\" text\n").find('\n'), std::string::npos);
}

}  // namespace
}  // namespace bulkhead
