// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// Bad input that `bulkhead run` sees before it starts a node: status 125, one line that says what
// is wrong and what to do, nothing left behind.

#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "tests/e2e/cli_process.h"

namespace bulkhead {
namespace {

constexpr char kVmlinuz[] = "/kernel/amd64/vmlinuz";

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

TEST(Refused, Options) {
  EXPECT_TRUE(IsOneLine(*Bulkhead({"run", "--no-such", "example:hello"}), 125, {"--no-such"}));
  EXPECT_TRUE(IsOneLine(*Bulkhead({"run", "-m", "much", "example:hello"}), 125, {"much"}));
  EXPECT_TRUE(IsOneLine(*Bulkhead({"run", "--cpus", "2", "example:hello"}), 125, {"--cpus 2"}));
  EXPECT_TRUE(
      IsOneLine(*Bulkhead({"run", "--arch", "arm64", "example:hello"}), 125, {"--arch arm64"}));
  EXPECT_TRUE(IsOneLine(*Bulkhead({"run", "--user", "nobody-here", "example:hello"}), 125,
                        {"nobody-here"}));
}

TEST(Refused, MissingQemu) {
  EXPECT_TRUE(IsOneLine(*Bulkhead({"run", "--qemu-binary", "/nonexistent/qemu", "example:hello"}),
                        125, {"/nonexistent/qemu is not installed"}));
}

TEST(Refused, Kernels) {
  const TempDirectory directory;
  const std::string good = ReadFileOrDie(CacheDirectory() + kVmlinuz);
  const auto refuses = [&](const std::string& name, const std::string& contents,
                           const std::vector<std::string>& texts) {
    WriteFileOrDie(directory / name, contents);
    return IsOneLine(*Bulkhead({"run", "--kernel", directory / name, "example:hello"}), 125, texts);
  };
  EXPECT_TRUE(refuses("garbage", std::string(100000, 'x'), {"garbage", "is not a kernel"}));
  EXPECT_TRUE(refuses("empty", "", {"empty", "is not a kernel"}));
  EXPECT_TRUE(refuses("half", good.substr(0, good.size() / 2), {"half", "truncated"}));
  std::string damaged = good;
  for (size_t i = good.size() / 2; i < good.size() / 2 + 64; ++i) damaged[i] ^= 0x55;
  EXPECT_TRUE(refuses("damaged", damaged, {"damaged"}));
  EXPECT_TRUE(refuses("program", ReadFileOrDie("guest/init/init"), {"program", "no PVH entry"}));
  EXPECT_TRUE(IsOneLine(*Bulkhead({"run", "--kernel", directory / "none", "example:hello"}), 125,
                        {"there is no kernel file"}));
}

TEST(Refused, NoSpaceOnTheDisk) {
  const TempDirectory cache;
  std::filesystem::create_directories(cache / "kernel");
  std::filesystem::create_directory_symlink(
      std::filesystem::canonical(CacheDirectory() + "/kernel/amd64"), cache / "kernel/amd64");
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
