// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "cli/options.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace bulkhead {
namespace {

using Words = std::vector<std::string>;

RunOptions Parse(Words words) {
  words.insert(words.begin(), "run");
  const absl::StatusOr<CommandLine> line = ParseCommandLine(words);
  EXPECT_TRUE(line.ok()) << line.status();
  if (!line.ok() || !line->run.has_value()) {
    ADD_FAILURE() << "not a run";
    return {};
  }
  return *line->run;
}

std::string Error(const Words& words) {
  const absl::StatusOr<CommandLine> line = ParseCommandLine(words);
  EXPECT_FALSE(line.ok());
  return std::string(line.status().message());
}

TEST(Options, Defaults) {
  const RunOptions run = Parse({"example:hello"});
  EXPECT_EQ(run.image, "example:hello");
  EXPECT_TRUE(run.command.empty());
  EXPECT_EQ(run.memory, uint64_t{512} << 20);
  EXPECT_EQ(run.cpu_limit, 0u);
  EXPECT_EQ(run.hostname, "pod");
  EXPECT_FALSE(run.entrypoint.has_value());
  EXPECT_EQ(run.firmware, FirmwareKind::kDirect);
  EXPECT_EQ(run.arch, Architecture::kX86_64);
  EXPECT_EQ(run.machine, MachineKind::kQemu);
}

TEST(Options, BochsIsAPcWithABios) {
  EXPECT_EQ(Parse({"--machine", "bochs", "i"}).machine, MachineKind::kBochs);
  EXPECT_EQ(Parse({"--machine=qemu", "--firmware", "uefi", "i"}).machine, MachineKind::kQemu);
  for (const Words& words :
       {Words{"--arch", "arm64"}, {"--firmware", "uefi"}, {"--firmware", "direct"}, {"--gdb"}}) {
    Words all = {"run", "--machine", "bochs", "i"};
    all.insert(all.begin() + 1, words.begin(), words.end());
    const std::string error = Error(all);
    EXPECT_TRUE(error.starts_with(words[0])) << error;
    EXPECT_NE(error.find("--machine bochs"), std::string::npos) << error;
  }
}

TEST(Options, ArchitecturesHaveTwoNames) {
  EXPECT_EQ(Parse({"--arch", "amd64", "i"}).arch, Architecture::kX86_64);
  EXPECT_EQ(Parse({"--arch=x86_64", "i"}).arch, Architecture::kX86_64);
  EXPECT_EQ(Parse({"--arch", "arm64", "i"}).arch, Architecture::kAarch64);
  EXPECT_EQ(Parse({"--arch=aarch64", "i"}).arch, Architecture::kAarch64);
  for (const char* other : {"arm", "s390x", "ARM64", "x86-64", ""}) {
    EXPECT_NE(Error({"run", "--arch", other, "i"}).find("pods are amd64 or arm64"),
              std::string::npos)
        << other;
  }
}

TEST(Options, AllOfThem) {
  const RunOptions run = Parse(
      {"-m",        "1g",         "--cpus",     "0.5",    "-e",           "A=1",      "--env=B",
       "-w",        "/srv",       "--user",     "7:8",    "--entrypoint", "/bin/x",   "--name",
       "web",       "--hostname", "h",          "--arch", "amd64",        "--kernel", "vmlinuz",
       "--timeout", "5",          "--firmware", "uefi",   "--verbose",    "--trace",  "--gdb",
       "--pull",    "never",      "oci:dir"});
  EXPECT_EQ(run.memory, uint64_t{1} << 30);
  EXPECT_EQ(run.cpu_limit, 500u);
  EXPECT_EQ(run.env, (Words{"A=1", "B"}));
  EXPECT_EQ(run.workdir, "/srv");
  EXPECT_EQ(run.user, "7:8");
  EXPECT_EQ(run.entrypoint, "/bin/x");
  EXPECT_EQ(run.name, "web");
  EXPECT_EQ(run.hostname, "h");
  EXPECT_EQ(run.kernel, "vmlinuz");
  EXPECT_EQ(run.timeout, 5u);
  EXPECT_EQ(run.firmware, FirmwareKind::kUefi);
  EXPECT_EQ(run.pull, PullPolicy::kNever);
  EXPECT_TRUE(run.verbose && run.trace && run.gdb);
}

TEST(Options, TheLastOneCounts) {
  const RunOptions run =
      Parse({"-m", "1g", "--memory", "2g", "-q", "-q", "-e", "A", "-e", "B", "i"});
  EXPECT_EQ(run.memory, uint64_t{2} << 30);
  EXPECT_EQ(run.env, (Words{"A", "B"}));
}

TEST(Options, EmptyEntrypointIsNotAbsent) {
  EXPECT_EQ(Parse({"--entrypoint", "", "i"}).entrypoint, "");
  EXPECT_EQ(Parse({"--entrypoint=", "i"}).entrypoint, "");
}

TEST(Options, WhatFollowsTheImageBelongsToTheContainer) {
  EXPECT_EQ(Parse({"i", "ls", "-m", "--help", "--verbose"}).command,
            (Words{"ls", "-m", "--help", "--verbose"}));
  EXPECT_EQ(Parse({"i", "--", "sh", "-c", "exit 7"}).command, (Words{"sh", "-c", "exit 7"}));
  EXPECT_EQ(Parse({"i", "--verbose"}).command, (Words{"--verbose"}));
  // Only the first -- is ours.
  EXPECT_EQ(Parse({"i", "--", "--", "x"}).command, (Words{"--", "x"}));
  EXPECT_EQ(Parse({"i", "x", "--", "y"}).command, (Words{"x", "--", "y"}));
  EXPECT_EQ(Parse({"i", "run", "run"}).command, (Words{"run", "run"}));
  EXPECT_EQ(Parse({"i", "", "a b"}).command, (Words{"", "a b"}));
}

TEST(Options, HelpAndVersion) {
  for (const Words& words : {Words{"--help"}, Words{"-h"}, Words{"run", "--help"}}) {
    const absl::StatusOr<CommandLine> line = ParseCommandLine(words);
    ASSERT_TRUE(line.ok()) << line.status();
    EXPECT_FALSE(line->run.has_value());
    EXPECT_NE(line->text.find("run"), std::string::npos);
  }
  const std::string help = ParseCommandLine({"run", "--help"})->text;
  for (const char* word :
       {"--memory",     "--cpus",    "--env",     "--workdir",       "--user",
        "--entrypoint", "--name",    "--arch",    "--kernel",        "--timeout",
        "--firmware",   "--machine", "--verbose", "--quiet",         "--hostname",
        "--trace",      "--gdb",     "--pull",    "docker-archive:", "[COMMAND [ARG...]]"}) {
    EXPECT_NE(help.find(word), std::string::npos) << word;
  }
  EXPECT_EQ(help.find("--emulator"), std::string::npos);
  EXPECT_EQ(ParseCommandLine({"--version"})->text, std::string("bulkhead ") + kVersion + "\n");
}

TEST(Options, Up) {
  const UpOptions up =
      *ParseCommandLine({"up", "--memory", "2g", "a.yaml", "--arch", "arm64", "-"})->up;
  EXPECT_EQ(up.files, (Words{"a.yaml", "-"}));
  EXPECT_EQ(up.memory, uint64_t{2} << 30);
  EXPECT_EQ(up.arch, Architecture::kAarch64);
  EXPECT_EQ(ParseCommandLine({"up", "a.yaml"})->up->memory, 0u);
  const std::string help = ParseCommandLine({"up", "--help"})->text;
  for (const char* word : {"FILE", "--memory", "--arch", "--kernel", "--firmware", "--machine",
                           "--verbose", "--quiet", "Exit status", "bulkhead up shop.yaml"}) {
    EXPECT_NE(help.find(word), std::string::npos) << word;
  }
  EXPECT_EQ(help.find("--emulator"), std::string::npos);
}

TEST(Options, SaysWhatIsWrongAndWhatToDo) {
  for (const Words& words : std::vector<Words>{
           {},
           {"frobnicate"},
           {"run"},
           {"run", "--", "x"},
           {"run", "--frobnicate", "i"},
           {"run", "--memory", "lots", "i"},
           {"run", "--memory", "1m", "i"},
           {"run", "--memory", "99999999999999999999g", "i"},
           {"run", "--memory"},
           {"run", "--cpus", "2", "i"},
           {"run", "--cpus", "half", "i"},
           {"run", "--timeout", "soon", "i"},
           {"run", "--timeout", "-1", "i"},
           {"run", "--firmware", "bios", "i"},
           {"run", "--machine", "vax", "i"},
           {"run", "--machine", "bochs", "--gdb", "i"},
           {"run", "--arch", "s390x", "i"},
           {"run", "--name", "../x", "i"},
           {"run", "--workdir", "relative", "i"},
           {"run", "--env", "=x", "i"},
           {"run", "--quiet", "--verbose", "i"},
           {"run", "--pull", "sometimes", "i"},
           {"up"},
           {"up", "--frobnicate", "f"},
           {"up", "--memory", "lots", "f"},
           {"up", "--arch", "s390x", "f"},
           {"up", "--machine", "bochs", "--firmware", "uefi", "f"},
           {"up", "--quiet", "--verbose", "f"},
       }) {
    const std::string error = Error(words);
    EXPECT_NE(error.find(';'), std::string::npos) << error;
    EXPECT_EQ(error.find('\n'), std::string::npos) << error;
  }
}

TEST(MemorySize, UnitsAndLimits) {
  EXPECT_EQ(*ParseMemorySize("4096"), 4096u);
  EXPECT_EQ(*ParseMemorySize("64K"), 64u << 10);
  EXPECT_EQ(*ParseMemorySize("64mb"), 64u << 20);
  EXPECT_EQ(*ParseMemorySize("2GiB"), uint64_t{2} << 30);
  for (const char* bad : {"", "m", "12x", "-1", "1.5g", "18446744073709551616", "1 g"}) {
    EXPECT_FALSE(ParseMemorySize(bad).ok()) << bad;
  }
}

TEST(Options, Cpus) {
  for (const auto& [text, thousandths] : std::vector<std::pair<std::string, uint32_t>>{
           {"0", 0},
           {"0.0", 0},
           {"1", 1000},
           {"1.000", 1000},
           {"0.5", 500},
           {".25", 250},
           {"0.07", 70},
           {"0.29", 290},
           {"0.001", 1},
           {"0.0001", 1},
           {"0.0015", 2},
           {"0.9999", 1000},
       }) {
    const absl::StatusOr<uint32_t> parsed = ParseCpus(text);
    ASSERT_TRUE(parsed.ok()) << text << ": " << parsed.status();
    EXPECT_EQ(*parsed, thousandths) << text;
  }
  for (const char* bad : {"", ".", "half", "-0.5", "+0.5", "1e-1", "0x1", "inf", "nan", " 1",
                          "0.5 ", "0.5.5", "1.001", "2", "99999999999999999999"}) {
    EXPECT_FALSE(ParseCpus(bad).ok()) << bad;
  }
}

}  // namespace
}  // namespace bulkhead
