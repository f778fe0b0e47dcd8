// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// Bad input that `bulkhead run` sees before it starts a node: status 125, one line that says what
// is wrong and what to do, nothing left behind.

#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "tests/e2e/cli_process.h"

namespace bulkhead {
namespace {

TEST(Refused, Images) {
  EXPECT_TRUE(IsOneLine(*Bulkhead({"run", "example:none"}), 125, {"example:hello"}));
  EXPECT_TRUE(IsOneLine(*Bulkhead({"run", "oci:/nonexistent"}), 125, {"/nonexistent"}));
  EXPECT_TRUE(
      IsOneLine(*Bulkhead({"run", "oci-archive:/nonexistent.tar"}), 125, {"/nonexistent.tar"}));
  EXPECT_TRUE(
      IsOneLine(*Bulkhead({"run", "docker-archive:/nonexistent.tar"}), 125, {"/nonexistent.tar"}));
  EXPECT_TRUE(IsOneLine(*Bulkhead({"run", "redis"}), 125, {"redis", "docker://"}));
  EXPECT_TRUE(IsOneLine(*Bulkhead({"run"}), 125, {"no image", "example:hello"}));
}

// A copy of the layout that example:hello is made from, with one blob changed by `damage`.
std::string DamagedLayout(const TempDirectory& directory, const std::string& name,
                          const std::function<void(std::string&)>& damage) {
  const TempDirectory cache;
  AddGuests(cache);
  const std::string copy = directory / name;
  std::filesystem::copy(MakeHelloLayout(Architecture::kX86_64, cache), copy,
                        std::filesystem::copy_options::recursive);
  // The layer is the largest.
  std::filesystem::path largest;
  for (const auto& entry : std::filesystem::directory_iterator(copy + "/blobs/sha256")) {
    if (largest.empty() || entry.file_size() > std::filesystem::file_size(largest)) {
      largest = entry.path();
    }
  }
  std::string bytes = ReadFileOrDie(largest);
  damage(bytes);
  WriteFileOrDie(largest, bytes);
  return "oci:" + copy;
}

TEST(Refused, DamagedLayers) {
  const TempDirectory directory;
  // The image itself is in the cache: from a fresh one each.
  const auto refuses = [&](const std::string& image, const std::vector<std::string>& texts) {
    const TempDirectory cache;
    AddGuests(cache);
    CliProcess run(
        {.arguments = {"run", image}, .environment = {{"BULKHEAD_CACHE", cache.path()}}});
    if (auto result = run.RunToEnd(); !result) return result;
    return IsOneLine(run, 125, texts);
  };
  EXPECT_TRUE(refuses(
      DamagedLayout(directory, "flipped", [](std::string& bytes) { bytes[bytes.size() / 2] ^= 1; }),
      {"flipped", "layer", "sha256:"}));
  EXPECT_TRUE(refuses(DamagedLayout(directory, "truncated",
                                    [](std::string& bytes) { bytes.resize(bytes.size() / 2); }),
                      {"truncated", "is corrupt", "sha256:"}));
}

// Both names are said: what the image is for, and what was wanted.
TEST(Refused, ImagesOfAnotherArchitecture) {
  for (const Architecture wanted : kArchitectures) {
    const Architecture other =
        wanted == Architecture::kX86_64 ? Architecture::kAarch64 : Architecture::kX86_64;
    const TempDirectory cache;
    AddGuests(cache);
    const std::string image = "oci:" + MakeHelloLayout(other, cache);
    EXPECT_TRUE(IsOneLine(*Bulkhead(RunArguments(wanted, {image})), 125,
                          {"linux/" + OciName(wanted), "linux/" + OciName(other)}));
  }
}

TEST(Refused, RegistryThatIsNotThere) {
  EXPECT_TRUE(IsOneLine(*Bulkhead({"run", "docker://localhost:1/none"}), 125,
                        {"docker://localhost:1/none"}));
}

TEST(Refused, Options) {
  EXPECT_TRUE(IsOneLine(*Bulkhead({"run", "--no-such", "example:hello"}), 125, {"--no-such"}));
  EXPECT_TRUE(IsOneLine(*Bulkhead({"run", "-m", "much", "example:hello"}), 125, {"much"}));
  EXPECT_TRUE(IsOneLine(*Bulkhead({"run", "--cpus", "2", "example:hello"}), 125, {"--cpus 2"}));
  EXPECT_TRUE(
      IsOneLine(*Bulkhead({"run", "--arch", "s390x", "example:hello"}), 125, {"--arch s390x"}));
  EXPECT_TRUE(IsOneLine(*Bulkhead({"run", "--user", "nobody-here", "example:hello"}), 125,
                        {"nobody-here"}));
}

TEST(Refused, MissingQemu) {
  EXPECT_TRUE(IsOneLine(*Bulkhead({"run", "--emulator", "/nonexistent/qemu", "example:hello"}), 125,
                        {"/nonexistent/qemu is not installed"}));
}

class RefusedKernel : public testing::TestWithParam<Architecture> {
 protected:
  // The stock one.
  static std::string Kernel(Architecture architecture = GetParam()) {
    return ReadFileOrDie(CacheDirectory() + "/kernel/" + OciName(architecture) + "/vmlinuz");
  }
  static testing::AssertionResult RefusesFile(const std::string& path,
                                              const std::vector<std::string>& texts) {
    return IsOneLine(*Bulkhead(RunArguments(GetParam(), {"--kernel", path, "example:hello"})), 125,
                     texts);
  }
};

TEST_P(RefusedKernel, SaysWhatIsWrong) {
  const TempDirectory directory;
  const bool x86 = GetParam() == Architecture::kX86_64;
  const std::string good = Kernel();
  const auto refuses = [&](const std::string& name, const std::string& contents,
                           const std::vector<std::string>& texts) {
    WriteFileOrDie(directory / name, contents);
    return RefusesFile(directory / name, texts);
  };
  EXPECT_TRUE(refuses("garbage", std::string(100000, 'x'), {"garbage", "is not a kernel"}));
  EXPECT_TRUE(refuses("empty", "", {"empty", "is not a kernel"}));
  EXPECT_TRUE(refuses("half", good.substr(0, good.size() / 2), {"half", "truncated"}));
  if (x86) {  // that for arm64 is not compressed: it has no checksum
    std::string damaged = good;
    for (size_t i = good.size() / 2; i < good.size() / 2 + 64; ++i) damaged[i] ^= 0x55;
    EXPECT_TRUE(refuses("damaged", damaged, {"damaged"}));
  }
  EXPECT_TRUE(refuses("program", ReadFileOrDie(Facts(GetParam()).files.init),
                      {"program", x86 ? "no PVH entry" : "it is an ELF file, not the Image"}));
  EXPECT_TRUE(refuses("foreign", Kernel(x86 ? Architecture::kAarch64 : Architecture::kX86_64),
                      {"foreign", x86 ? "x86_64" : "aarch64"}));
  EXPECT_TRUE(RefusesFile(directory / "none", {"there is no kernel file"}));
}

INSTANTIATE_TEST_SUITE_P(All, RefusedKernel, testing::ValuesIn(kArchitectures),
                         testing::PrintToStringParamName());

TEST(Refused, NoSpaceOnTheDisk) {
  const TempDirectory cache;
  AddGuests(cache);
  // Enough for what is small, not for an image, then not for a kernel or a bundle.
  for (const uint64_t limit : {uint64_t{100} << 10, uint64_t{4} << 20}) {
    CliProcess run({.arguments = {"run", "example:hello"},
                    .environment = {{"BULKHEAD_CACHE", cache.path()}},
                    .file_size_limit = limit});
    ASSERT_TRUE(run.RunToEnd());
    EXPECT_TRUE(IsOneLine(run, 125, {"no space left on the disk"})) << limit;
  }
}

}  // namespace
}  // namespace bulkhead
