// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "boot/pod_config.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace bulkhead {
namespace {

constexpr std::string_view kGood =
    "version=1\nmemory=134217728\ncpus=1\ncmdline=console=hvc0 quiet\ndebug_uart=1\n";

std::string ParseText(std::string_view text) {
  PodConfig config;
  Text<> out;
  out << ParsePodConfig(text, config);
  return std::string(out.view());
}

// kGood with one piece replaced.
std::string Changed(std::string_view from, std::string_view to) {
  std::string text(kGood);
  text.replace(text.find(from), from.size(), to);
  return text;
}

TEST(PodConfig, ReadsAllKeys) {
  PodConfig config;
  ASSERT_TRUE(ParsePodConfig(kGood, config).ok()) << ParseText(kGood);
  EXPECT_EQ(config.memory, 134217728u);
  EXPECT_EQ(config.cpus, 1u);
  EXPECT_EQ(config.cmdline, "console=hvc0 quiet");
  EXPECT_TRUE(config.debug_uart);
}

TEST(PodConfig, AcceptsAnyOrderAndLastLineWithoutEnd) {
  PodConfig config;
  ASSERT_TRUE(ParsePodConfig("cmdline=\ncpus=1\nmemory=4096\nversion=1", config).ok());
  EXPECT_EQ(config.cmdline, "");
  EXPECT_EQ(config.memory, 4096u);
  EXPECT_FALSE(config.debug_uart);
}

TEST(PodConfig, NamesOfEntries) {
  PodConfig config;
  const std::string text = std::string(kGood) + "kernel=kernel\nimage=images/0\n";
  ASSERT_TRUE(ParsePodConfig(text, config).ok());
  EXPECT_EQ(config.kernel, "kernel");
  ASSERT_EQ(config.image_count, 1u);
  EXPECT_EQ(config.images[0], "images/0");
  const std::string good(kGood);
  EXPECT_NE(ParseText(good + "kernel=\n"), "pod config: no error");
  EXPECT_NE(ParseText(good + "image=" + std::string(kMaxPodEntry + 1, 'x')),
            "pod config: no error");
}

TEST(PodConfig, SeveralImagesInOrder) {
  PodConfig config;
  std::string text(kGood);
  ASSERT_TRUE(ParsePodConfig(text, config).ok());
  EXPECT_EQ(config.image_count, 0u);
  for (uint32_t i = 0; i < kMaxPodImages; ++i) text += "image=images/" + std::to_string(i) + "\n";
  ASSERT_TRUE(ParsePodConfig(text, config).ok()) << ParseText(text);
  ASSERT_EQ(config.image_count, kMaxPodImages);
  EXPECT_EQ(config.images[kMaxPodImages - 1], "images/7");
  EXPECT_EQ(ParseText(text + "image=one-more\n"), "pod config: line 14: too many of 'image'");
}

TEST(PodConfig, NamesTheMissingKey) {
  EXPECT_EQ(ParseText(""), "pod config: 'version' is missing");
  EXPECT_EQ(ParseText("version=1\n"), "pod config: 'memory' is missing");
  EXPECT_EQ(ParseText(Changed("cpus=1\n", "")), "pod config: 'cpus' is missing");
  EXPECT_EQ(ParseText(Changed("cmdline=console=hvc0 quiet\n", "")),
            "pod config: 'cmdline' is missing");
}

TEST(PodConfig, NamesTheUnknownKey) {
  EXPECT_EQ(ParseText(Changed("cpus", "cpu")), "pod config: line 3: unknown key 'cpu'");
  EXPECT_EQ(ParseText(Changed("cpus", " cpus")), "pod config: line 3: unknown key ' cpus'");
  EXPECT_EQ(ParseText("\x1b[2J=1\n"), "pod config: line 1: unknown key '?[2J'");
}

TEST(PodConfig, RefusesDuplicates) {
  EXPECT_EQ(ParseText(std::string(kGood) + "cpus=1\n"), "pod config: line 6: second 'cpus'");
}

TEST(PodConfig, RefusesBadNumbers) {
  for (const char* bad : {"", " 1", "1 ", "+1", "-1", "0x1000", "4096k", "18446744073709551616",
                          "99999999999999999999"}) {
    EXPECT_EQ(ParseText(Changed("134217728", bad)), "pod config: line 2: bad number for 'memory'")
        << bad;
  }
}

TEST(PodConfig, RefusesNumbersOutOfRange) {
  for (const char* bad : {"0", "4095", "4097", "70368744181760", "18446744073709551615"}) {
    EXPECT_EQ(ParseText(Changed("134217728", bad)),
              "pod config: line 2: value of 'memory' is not supported")
        << bad;
  }
  EXPECT_EQ(ParseText(Changed("version=1", "version=2")),
            "pod config: line 1: value of 'version' is not supported");
  EXPECT_EQ(ParseText(Changed("cpus=1", "cpus=0")),
            "pod config: line 3: value of 'cpus' is not supported");
  EXPECT_EQ(ParseText(Changed("cpus=1", "cpus=2")),
            "pod config: line 3: value of 'cpus' is not supported");
  EXPECT_EQ(ParseText(Changed("uart=1", "uart=2")),
            "pod config: line 5: value of 'debug_uart' is not supported");
}

TEST(PodConfig, RefusesOtherLines) {
  EXPECT_EQ(ParseText(std::string(kGood) + "\n"), "pod config: line 6: not key=value");
  EXPECT_EQ(ParseText("# comment\n"), "pod config: line 1: not key=value");
  EXPECT_EQ(ParseText("=1\n"), "pod config: line 1: not key=value");
}

TEST(PodConfig, ReadsSharesOfTheCpu) {
  PodConfig config;
  ASSERT_TRUE(ParsePodConfig(kGood, config).ok());
  EXPECT_EQ(config.cpu_limit, 0u);
  EXPECT_EQ(config.cpu_request, 0u);
  const std::string both = std::string(kGood) + "cpu_limit=750\ncpu_request=250\n";
  ASSERT_TRUE(ParsePodConfig(both, config).ok()) << ParseText(both);
  EXPECT_EQ(config.cpu_limit, 750u);
  EXPECT_EQ(config.cpu_request, 250u);
  const auto more = [](std::string_view lines) {
    return ParseText(std::string(kGood).append(lines));
  };
  for (const char* good : {"cpu_limit=0\n", "cpu_limit=1000\n", "cpu_request=1000\n",
                           "cpu_request=5\ncpu_limit=0\n", "cpu_limit=1\ncpu_request=1\n"}) {
    EXPECT_EQ(more(good), "pod config: no error") << good;
  }
  EXPECT_EQ(more("cpu_limit=1001\n"), "pod config: line 6: value of 'cpu_limit' is not supported");
  EXPECT_EQ(more("cpu_request=4294967297\n"),
            "pod config: line 6: value of 'cpu_request' is not supported");
  EXPECT_EQ(more("cpu_limit=0.5\n"), "pod config: line 6: bad number for 'cpu_limit'");
  EXPECT_EQ(more("cpu_request=300\ncpu_limit=299\n"),
            "pod config: 'cpu_request' is more than the limit");
}

TEST(PodConfig, BoundsTheCommandLine) {
  const std::string most(2047, 'x');
  EXPECT_EQ(ParseText(Changed("console=hvc0 quiet", most)), "pod config: no error");
  EXPECT_EQ(ParseText(Changed("console=hvc0 quiet", most + "x")),
            "pod config: line 4: value of 'cmdline' is too long, empty, or has control characters");
  EXPECT_EQ(ParseText(Changed("quiet", std::string_view("a\0b", 3))),
            "pod config: line 4: value of 'cmdline' is too long, empty, or has control characters");
}

}  // namespace
}  // namespace bulkhead
