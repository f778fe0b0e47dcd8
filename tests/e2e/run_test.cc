// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// `bulkhead run` from the command line to the container and back.

#include <gtest/gtest.h>
#include <signal.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "tests/e2e/cli_process.h"
#include "tests/harness/node.h"

namespace bulkhead {
namespace {

constexpr char kHello[] = "Hello from a pod with its own kernel.\n";

class Run : public testing::TestWithParam<Architecture> {
 protected:
  static std::vector<std::string> Arguments(const std::vector<std::string>& more) {
    return RunArguments(GetParam(), more);
  }
  // To its end.
  static std::unique_ptr<CliProcess> RunPod(const std::vector<std::string>& arguments,
                                            const std::string& input = "") {
    return Bulkhead(Arguments(arguments), input);
  }
  static std::unique_ptr<CliProcess> Signalled(const std::string& script, int signal);
};

// All byte values, in a pattern that does not repeat soon.
std::string Bytes(size_t size) {
  std::string out;
  out.reserve(size);
  uint32_t x = 1;
  for (size_t i = 0; i < size; ++i) {
    x = x * 1664525 + 1013904223;
    out.push_back(static_cast<char>(i < 256 ? i : x >> 24));
  }
  return out;
}

std::string Skopeo(const std::string& from, const std::string& to, const TempDirectory& directory) {
  const std::string command =
      "skopeo --insecure-policy --tmpdir " + directory.path() + " copy -q " + from + " " + to;
  EXPECT_EQ(std::system(command.c_str()), 0) << command;
  return to;
}

TEST_P(Run, Hello) {
  const auto run = RunPod({"example:hello"});
  EXPECT_EQ(run->status(), 0);
  EXPECT_EQ(run->out(), kHello);
  EXPECT_EQ(run->err(), "");
}

TEST_P(Run, HelloThroughFirmware) {
  const auto run = RunPod({"--firmware", "uefi", "example:hello"});
  EXPECT_EQ(run->status(), 0);
  EXPECT_EQ(run->out(), kHello);
  EXPECT_EQ(run->err(), "");
}

TEST_P(Run, TwoAtTheSameTimeWithAColdCache) {
  const TempDirectory cache;
  AddGuests(cache);
  const CliOptions options = {.arguments = Arguments({"example:hello"}),
                              .environment = {{"BULKHEAD_CACHE", cache.path()}}};
  CliProcess first(options);
  CliProcess second(options);
  ASSERT_TRUE(first.RunToEnd());
  ASSERT_TRUE(second.RunToEnd());
  for (const CliProcess* each : {&first, &second}) {
    EXPECT_EQ(each->status(), 0);
    EXPECT_EQ(each->out(), kHello);
    EXPECT_EQ(each->err(), "");
  }
  // And a third finds the image unpacked.
  const auto image = [&] {
    std::vector<std::string> found;
    for (const auto& entry : std::filesystem::directory_iterator(cache / "images")) {
      found.push_back(entry.path());
    }
    EXPECT_EQ(found.size(), 1u);
    return std::filesystem::last_write_time(found.at(0) + "/rootfs.erofs");
  };
  const auto before = image();
  CliProcess third(options);
  ASSERT_TRUE(third.RunToEnd());
  EXPECT_EQ(third.out(), kHello);
  EXPECT_EQ(image(), before);
}

TEST_P(Run, StatusAndStreams) {
  const auto run = RunPod({"example:hello", "--", "sh", "-c", "echo out; echo err >&2; exit 7"});
  EXPECT_EQ(run->status(), 7);
  EXPECT_EQ(run->out(), "out\n");
  EXPECT_EQ(run->err(), "err\n");
}

TEST_P(Run, BinaryInputAndOutput) {
  const std::string bytes = Bytes(1 << 20);
  const auto run =
      RunPod({"example:hello", "sh", "-c", "tee /dev/stderr; printf 'end\\0\\377'"}, bytes);
  EXPECT_EQ(run->status(), 0);
  EXPECT_TRUE(run->out() == bytes + std::string("end\0\377", 5)) << run->out().size();
  EXPECT_TRUE(run->err() == bytes) << run->err().size();
}

TEST_P(Run, InputThatNobodyReads) {
  const auto run = RunPod({"example:hello", "head", "-c", "3"}, Bytes(4 << 20));
  EXPECT_EQ(run->status(), 0);
  EXPECT_EQ(run->out(), Bytes(3));
}

TEST_P(Run, Options) {
  // One boot for all of them.
  CliProcess run({.arguments = Arguments({"--env",
                                          "A=one two",
                                          "-e",
                                          "FROM_HERE",
                                          "--env=EMPTY=",
                                          "--workdir",
                                          "/usr/bin",
                                          "--user",
                                          "nobody",
                                          "--name",
                                          "my-pod",
                                          "--entrypoint",
                                          "sh",
                                          "-m",
                                          "256m",
                                          "--cpus",
                                          "1",
                                          "example:hello",
                                          "-c",
                                          R"(echo "$A|$FROM_HERE|${EMPTY-unset}|${NOT_HERE-unset}"
                                   pwd; id -u; id -g; hostname; echo "$@"
                                   awk '/MemTotal/ { print $2 / 1024 < 256 }' /proc/meminfo
                                   touch /tmp/writable && echo "$PATH"
                                   mount 2>&1 -t tmpfs none /tmp || echo confined)",
                                          "name",
                                          "--workdir",
                                          "--",
                                          "x"}),
                  .environment = {{"FROM_HERE", "host"}, {"NOT_HERE", "host"}}});
  ASSERT_TRUE(run.RunToEnd());
  EXPECT_EQ(run.status(), 0);
  EXPECT_EQ(run.out(),
            "one two|host||unset\n/usr/bin\n65534\n65534\nmy-pod\n--workdir -- x\n1\n"
            "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n"
            "mount: permission denied (are you root?)\nconfined\n");
  EXPECT_EQ(run.err(), "");
}

TEST_P(Run, DoubleDashEndsOurOptions) {
  const auto run = RunPod({"--hostname", "other", "--entrypoint=", "example:hello", "--", "sh",
                           "-c", "hostname; echo \"$0\" \"$@\"", "--", "--name", "-q"});
  EXPECT_EQ(run->status(), 0);
  EXPECT_EQ(run->out(), "other\n-- --name -q\n");
}

TEST_P(Run, CommandNotFound) {
  const auto run = RunPod({"example:hello", "no-such-command"});
  EXPECT_TRUE(IsOneLine(*run, 127, {"no-such-command", "name a command that is in the image"}));
}

TEST_P(Run, CommandNotExecutable) {
  const auto run = RunPod({"example:hello", "/etc/passwd"});
  EXPECT_TRUE(IsOneLine(
      *run, 126, {"'/etc/passwd': ", "Permission denied", "name a command that may be executed"}));
}

TEST_P(Run, KilledBySignal) {
  const auto run = RunPod({"example:hello", "sh", "-c", "sh -c 'kill -9 $$'; exit $?"});
  EXPECT_EQ(run->status(), 128 + SIGKILL);
  EXPECT_EQ(run->err().find("bulkhead"), std::string::npos) << run->err();
}

// Runs a shell script until it has said "ready", then sends a signal, and runs to the end.
std::unique_ptr<CliProcess> Run::Signalled(const std::string& script, int signal) {
  auto run = std::make_unique<CliProcess>(CliOptions{
      .arguments = Arguments({"example:hello", "sh", "-c", script}), .keep_stdin_open = true});
  EXPECT_TRUE(run->RunUntil([&] { return run->out() == "ready\n"; }));
  run->Signal(signal);
  EXPECT_TRUE(run->RunToEnd());
  EXPECT_EQ(run->err(), "");
  return run;
}

TEST_P(Run, InterruptStopsThePod) {
  EXPECT_EQ(Signalled("echo ready; exec sleep 1000", SIGINT)->status(), 128 + SIGINT);
}

TEST_P(Run, InterruptIsNotIgnoredForEver) {
  const auto run = Signalled("trap '' INT; echo ready; while true; do sleep 1000; done", SIGINT);
  EXPECT_EQ(run->status(), 128 + SIGINT);
}

TEST_P(Run, InterruptReachesTheContainer) {
  // With a limit: a signal just before the shell reads waits until it has read.
  const auto run = Signalled(
      "trap 'echo bye; exit 3' TERM; echo ready; while true; do read -t 1 x; done", SIGTERM);
  EXPECT_EQ(run->status(), 3);
  EXPECT_EQ(run->out(), "ready\nbye\n");
}

TEST_P(Run, InterruptWhileTheKernelBoots) {
  CliProcess run({.arguments = Arguments({"--verbose", "example:hello", "sleep", "1000"})});
  ASSERT_TRUE(run.RunUntil([&] { return run.err().find("kernel: ") != std::string::npos; }));
  run.Signal(SIGINT);
  ASSERT_TRUE(run.RunToEnd());
  EXPECT_EQ(run.status(), 128 + SIGINT);
  EXPECT_EQ(run.out(), "");
}

TEST_P(Run, ReaderThatGoesAway) {
  CliProcess run({.arguments = Arguments({"example:hello", "yes"})});
  ASSERT_TRUE(run.RunUntil([&] { return run.out().size() > 1000; }));
  run.CloseOut();
  ASSERT_TRUE(run.RunToEnd());
  EXPECT_EQ(run.status(), 128 + SIGPIPE);
  EXPECT_EQ(run.err(), "");
}

TEST_P(Run, ReaderThatPauses) {
  // More than all buffers between container and reader hold: the container is held back, and
  // goes on where it was.
  CliProcess run({.arguments = Arguments({"example:hello", "sh", "-c",
                                          "yes 0123456789abcde | head -c 3000000; echo end >&2"})});
  ASSERT_TRUE(run.RunUntil([&] { return run.out().size() > 1000; }));
  std::this_thread::sleep_for(std::chrono::seconds(4));  // nobody reads: that is the test
  ASSERT_TRUE(run.RunToEnd());
  EXPECT_EQ(run.status(), 0);
  EXPECT_EQ(run.err(), "end\n");
  ASSERT_EQ(run.out().size(), 3000000u);
  std::string expected;
  while (expected.size() < 3000000) expected += "0123456789abcde\n";
  EXPECT_TRUE(run.out() == expected.substr(0, 3000000));
}

TEST_P(Run, MachineThatDies) {
  CliProcess run({.arguments = Arguments({"--verbose", "example:hello", "sleep", "1000"})});
  ASSERT_TRUE(run.RunUntil([&] { return run.err().find("kernel: ") != std::string::npos; }));
  ASSERT_TRUE(run.SignalQemu(SIGKILL));
  ASSERT_TRUE(run.RunToEnd());
  EXPECT_EQ(run.status(), 125);
  EXPECT_NE(run.err().find("\nbulkhead: the node ended before its pod did (signal 9)"),
            std::string::npos)
      << run.err();
}

TEST_P(Run, KilledItselfLeavesNothingForLong) {
  const TempDirectory temporary;
  const std::map<std::string, std::string> environment = {{"TMPDIR", temporary.path()}};
  CliProcess run({.arguments = Arguments({"--verbose", "example:hello", "sleep", "1000"}),
                  .environment = environment});
  ASSERT_TRUE(run.RunUntil([&] { return run.err().find("kernel: ") != std::string::npos; }));
  run.Signal(SIGKILL);
  ASSERT_TRUE(run.RunToEnd());  // QEMU has gone with it
  EXPECT_EQ(run.status(), 128 + SIGKILL);
  EXPECT_FALSE(std::filesystem::is_empty(temporary.path()));
  // Whoever comes next tidies up, once it is sure that nobody is still at it.
  for (const auto& entry : std::filesystem::directory_iterator(temporary.path())) {
    std::filesystem::last_write_time(
        entry.path(), std::filesystem::file_time_type::clock::now() - std::chrono::minutes(2));
  }
  CliProcess next({.arguments = Arguments({"--kernel", "/nonexistent", "example:hello"}),
                   .environment = environment});
  ASSERT_TRUE(next.RunToEnd());
  EXPECT_EQ(next.status(), 125);
  EXPECT_TRUE(std::filesystem::is_empty(temporary.path()));
}

// A kernel by its form, so that nothing is wrong with it until it runs.
TEST_P(Run, KernelThatIsNotLinux) {
  const auto run = RunPod({"--kernel", TestGuestFile(GetParam()), "example:hello"});
  // It speaks by the debug UART. Without one, that is a port that nobody listens to, or nothing.
  const char* const end = GetParam() == Architecture::kX86_64
                              ? "the guest powered off before its container had ended"
                              : "the guest did what ends a guest: access to 0x9000018, ";
  EXPECT_TRUE(IsOneLine(*run, 125, {end, "--verbose"}));
}

TEST_P(Run, Timeout) {
  CliProcess run({.arguments = Arguments({"--timeout", "1", "example:hello", "sleep", "1000"})});
  ASSERT_TRUE(run.RunToEnd());
  EXPECT_TRUE(IsOneLine(run, 125, {"ran longer than 1 s and was stopped", "--timeout"}));
}

TEST_P(Run, VerboseSpeaksOnStderrOnly) {
  const auto run = RunPod({"--verbose", "example:hello"});
  EXPECT_EQ(run->status(), 0);
  EXPECT_EQ(run->out(), kHello);
  EXPECT_NE(run->err().find("node: "), std::string::npos) << run->err();
  EXPECT_NE(run->err().find("kernel: "), std::string::npos) << run->err();
  const std::string cpu = "node: bulkhead: cpu: pod pod ";
  const size_t at = run->err().find(cpu);
  ASSERT_NE(at, std::string::npos) << run->err();
  EXPECT_GT(std::atoi(run->err().c_str() + at + cpu.size()), 0) << run->err();
}

TEST_P(Run, TraceShowsCallsAndExits) {
  const auto run = RunPod({"--trace", "example:hello"});
  EXPECT_EQ(run->status(), 0);
  EXPECT_EQ(run->out(), kHello);
  const auto shows = [&](const char* text) {
    EXPECT_NE(run->err().find(text), std::string::npos) << run->err();
  };
  shows("node: bulkhead: trace ");
  shows(" call vcpu_run 0x");
  shows(" exit ");
}

TEST_P(Run, TheLeastMemoryIsEnough) {
  const auto refused = RunPod({"--memory", "16m", "example:hello"});
  EXPECT_TRUE(IsOneLine(*refused, 125, {"16 MiB of memory are too little", "--memory "}));
  const std::string key = "--memory to ";
  const size_t at = refused->err().find(key);
  ASSERT_NE(at, std::string::npos);
  const int least = std::atoi(refused->err().c_str() + at + key.size());
  const auto run = RunPod({"-m", std::to_string(least) + "m", "example:hello"});
  EXPECT_EQ(run->status(), 0) << run->err();
  EXPECT_EQ(run->out(), kHello);
}

TEST_P(Run, OciLayoutAndArchives) {
  const TempDirectory directory, cache;
  AddGuests(cache);
  const std::string layout = "oci:" + MakeHelloLayout(GetParam(), cache) + ":latest";
  const auto from_layout = RunPod({layout});
  EXPECT_EQ(from_layout->out(), kHello) << from_layout->err();
  for (const std::string& reference :
       {Skopeo(layout, "oci-archive:" + (directory / "oci.tar"), directory),
        Skopeo(layout, "docker-archive:" + (directory / "docker.tar") + ":test/hello:1",
               directory)}) {
    const auto run = RunPod({reference, "--", "echo", "from", "archive"});
    EXPECT_EQ(run->status(), 0);
    EXPECT_EQ(run->out(), "from archive\n");
    EXPECT_EQ(run->err(), "");
  }
}

// The way to a node in a machine without virtio, at a size at which a lost byte would show.
TEST(RunOverCom2, BinaryInputAndOutput) {
  const std::string bytes = Bytes(200'000);
  const auto run =
      Bulkhead({"run", "--com2", "example:hello", "sh", "-c", "tee /dev/stderr; exit 3"}, bytes);
  EXPECT_EQ(run->status(), 3);
  EXPECT_TRUE(run->out() == bytes) << run->out().size();
  EXPECT_TRUE(run->err() == bytes) << run->err().size();
}

INSTANTIATE_TEST_SUITE_P(All, Run, testing::ValuesIn(kArchitectures),
                         testing::PrintToStringParamName());

}  // namespace
}  // namespace bulkhead
