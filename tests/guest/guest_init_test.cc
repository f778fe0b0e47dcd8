// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// What runs inside a pod's guest, under the stock kernel: start, streams, exit status, signals and
// failures, as the command line sees them on the agent channel.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "guest/initramfs/initramfs.h"
#include "tests/guest/guest_vm.h"

namespace bulkhead {
namespace {

namespace fs = std::filesystem;

struct Inputs {
  GuestMachine machine;
  std::string init, kernel, modules;
  std::string programs;  // the root of the file tree with crun and busybox; empty: ours
};
Inputs g_inputs;

constexpr size_t kMegabyte = 1 << 20;

// Every byte value in every neighbourhood; `seed` makes two of them differ.
std::string Pattern(size_t size, uint32_t seed) {
  std::string bytes(size, '\0');
  uint32_t state = seed;
  for (size_t i = 0; i < size; ++i) {
    state = state * 1664525 + 1013904223;
    bytes[i] = i < 256 ? static_cast<char>(i) : static_cast<char>(state >> 24);
  }
  return bytes;
}

void WriteFile(const fs::path& path, std::string_view bytes) {
  std::ofstream out(path, std::ios::binary);
  out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  ASSERT_TRUE(out.good()) << path;
}

std::string Quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

struct Process {
  std::vector<std::string> args;
  std::vector<std::string> env = {"PATH=/bin"};
  std::string cwd = "/";
  int uid = 0;
  int gid = 0;
};

std::string List(const std::vector<std::string>& items) {
  std::string out;
  for (const std::string& item : items) out += (out.empty() ? "" : ",") + Quoted(item);
  return "[" + out + "]";
}

// The least that an OCI runtime configuration must hold.
std::string Config(const Process& process) {
  return R"({"ociVersion":"1.0.2","process":{"terminal":false,"noNewPrivileges":true,"user":{"uid":)" +
         std::to_string(process.uid) + R"(,"gid":)" + std::to_string(process.gid) + R"(},"args":)" +
         List(process.args) + R"(,"env":)" + List(process.env) + R"(,"cwd":)" +
         Quoted(process.cwd) +
         R"(},"root":{"path":"rootfs"},"mounts":[
         {"destination":"/proc","type":"proc","source":"proc"},
         {"destination":"/sys","type":"sysfs","source":"sysfs","options":["ro","nosuid"]},
         {"destination":"/dev","type":"tmpfs","source":"tmpfs","options":["mode=755"]}],
         "linux":{"namespaces":[{"type":"pid"},{"type":"mount"},{"type":"cgroup"}]}})";
}

class GuestInitTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    const fs::path root = fs::path(std::getenv("TEST_TMPDIR")) / "rootfs";
    for (const char* const dir : {"bin", "etc", "proc", "sys", "dev", "tmp", "data", "home/user"}) {
      fs::create_directories(root / dir);
    }
    fs::copy_file(g_inputs.programs + "/bin/busybox", root / "bin/busybox");
    for (const char* const applet : {"cat", "env", "grep", "id", "kill", "mkfifo", "pwd", "sh"}) {
      fs::create_symlink("busybox", root / "bin" / applet);
    }
    fs::permissions(root / "tmp", fs::perms::all | fs::perms::sticky_bit);
    WriteFile(root / "etc/notexec", "text\n");
    WriteFile(root / "data/out", Pattern(kMegabyte, 1));
    WriteFile(root / "data/err", Pattern(kMegabyte, 2));
    disk_ = new std::string(root.parent_path() / "root.erofs");
    const std::string make =
        "mkfs.erofs --all-root " + *disk_ + " " + root.string() + " >/dev/null";
    ASSERT_EQ(std::system(make.c_str()), 0) << make;

    InitramfsOptions options;
    options.init = g_inputs.init;
    options.modules_dir = g_inputs.modules;
    options.programs = g_inputs.programs;
    const absl::StatusOr<std::string> base = BuildBaseInitramfs(options);
    ASSERT_TRUE(base.ok()) << base.status();
    base_ = new std::string(*base);
  }

  void Boot(const std::string& config, const std::string& disk = *disk_) {
    const std::string dir = fs::path(*disk_).parent_path();
    PodFiles files;
    files.configs = {config};
    files.spec.containers = {{.has_stdin = true}};
    files.hostname = "pod-1";
    files.resolv_conf = "nameserver 192.0.2.1\n";
    WriteFile(dir + "/initrd", *base_ + BuildPodInitramfs(files));
    ASSERT_TRUE(vm_.Start({g_inputs.machine, g_inputs.kernel, dir + "/initrd", disk, dir}))
        << vm_.error();
  }
  void Boot(const Process& process) { Boot(Config(process)); }

  // Reads messages up to the last and sorts them.
  void Run() {
    while (!ended_) ASSERT_NO_FATAL_FAILURE(RunOne());
    vm_.Send(AgentMessage::kEnd, "");
    EXPECT_EQ(vm_.WaitForPowerOff(), 0) << vm_.Console();
  }

  void RunOne() {
    const std::optional<GuestVm::Message> message = vm_.Receive();
    ASSERT_TRUE(message.has_value()) << vm_.error() << "; console:\n" << vm_.Console();
    const std::string& payload = message->payload;
    // Strict about the order: hello, then started or failed, then output, then the end.
    ASSERT_EQ(message->type == AgentMessage::kHello, !hello_);
    uint32_t word = 0;
    if (payload.size() >= sizeof(word)) std::memcpy(&word, payload.data(), sizeof(word));
    switch (message->type) {
      case AgentMessage::kHello:
        ASSERT_EQ(word, kAgentProtocolVersion);
        hello_ = true;
        break;
      case AgentMessage::kStarted:
        ASSERT_FALSE(started_);
        started_ = true;
        break;
      case AgentMessage::kStdout:
      case AgentMessage::kStderr:
        ASSERT_TRUE(started_);
        (message->type == AgentMessage::kStdout ? out_ : err_) += payload;
        break;
      case AgentMessage::kStdinCredit:
        ASSERT_EQ(payload.size(), sizeof(word));
        credit_ += word;
        break;
      case AgentMessage::kExited:
        ASSERT_TRUE(started_);
        ASSERT_EQ(payload.size(), sizeof(word));
        exit_status_ = word;
        break;
      case AgentMessage::kFailed:
        failed_status_ = word;
        failed_text_ = payload.substr(sizeof(word));
        ended_ = message->container == kAgentWholePod;
        break;
      case AgentMessage::kPodEnded:
        ended_ = true;
        break;
      default:
        FAIL() << "unexpected message " << static_cast<int>(message->type);
    }
  }

  void RunUntilOutput(std::string_view text) {
    while (!ended_ && out_.find(text) == std::string::npos) ASSERT_NO_FATAL_FAILURE(RunOne());
  }

  static std::string* disk_;
  static std::string* base_;
  GuestVm vm_;
  bool hello_ = false, started_ = false, ended_ = false;
  std::string out_, err_, failed_text_;
  uint64_t credit_ = kAgentInitialStdinCredit;
  int64_t exit_status_ = -1, failed_status_ = -1;
};

std::string* GuestInitTest::disk_;
std::string* GuestInitTest::base_;

TEST_F(GuestInitTest, GivesTheContainerItsEnvironment) {
  Process process;
  process.args = {"sh", "-c",
                  "id -u; id -g; pwd; echo \"$GREETING\"; cat /proc/sys/kernel/hostname; "
                  "cat /etc/hostname /etc/resolv.conf; grep -c pod-1 /etc/hosts; "
                  "cat /sys/class/net/lo/flags; echo new > /home/user/file; cat /home/user/file; "
                  "test -e /bulkhead && echo leak; test -e /new_root && echo leak; echo err >&2"};
  process.env = {"PATH=/bin", "GREETING=hello, pod"};
  process.cwd = "/home/user";
  process.uid = 0;
  process.gid = 77;
  Boot(process);
  Run();
  EXPECT_EQ(out_,
            "0\n77\n/home/user\nhello, pod\npod-1\npod-1\nnameserver 192.0.2.1\n1\n0x9\nnew\n");
  EXPECT_EQ(err_, "err\n");
  EXPECT_EQ(exit_status_, 0) << failed_text_;
}

TEST_F(GuestInitTest, KeepsOutputBinaryAndSeparate) {
  Process process;
  process.args = {"sh", "-c", "cat /data/err >&2 & cat /data/out; wait; id -u; exit 7"};
  process.uid = 1000;
  Boot(process);
  Run();
  // Not EXPECT_EQ: nobody wants a megabyte of it in the log.
  EXPECT_EQ(out_.size(), kMegabyte + 5);
  EXPECT_EQ(err_.size(), kMegabyte);
  EXPECT_TRUE(out_ == Pattern(kMegabyte, 1) + "1000\n");
  EXPECT_TRUE(err_ == Pattern(kMegabyte, 2));
  EXPECT_EQ(exit_status_, 7);
}

TEST_F(GuestInitTest, PassesInputAndItsEnd) {
  Process process;
  process.args = {"cat"};
  Boot(process);
  const std::string input = Pattern(kMegabyte + 12345, 3);
  size_t sent = 0;
  while (!ended_ && sent < input.size()) {
    const size_t n = std::min<size_t>({credit_, size_t{30'000}, input.size() - sent});
    if (n > 0) {
      vm_.Send(AgentMessage::kStdin, std::string_view(input).substr(sent, n));
      sent += n;
      credit_ -= n;
    }
    while (!ended_ && (credit_ == 0 || vm_.Readable())) ASSERT_NO_FATAL_FAILURE(RunOne());
  }
  vm_.Send(AgentMessage::kStdinEnd, "");
  Run();
  EXPECT_EQ(out_.size(), input.size());
  EXPECT_TRUE(out_ == input);
  EXPECT_EQ(exit_status_, 0);
}

TEST_F(GuestInitTest, ForwardsASignalThatIsHandled) {
  Process process;
  // With a limit: a signal just before the shell reads waits until it has read.
  process.args = {
      "sh", "-c",
      "trap 'echo caught; exit 3' TERM; echo ready; while true; do read -t 1 line; done"};
  Boot(process);
  RunUntilOutput("ready\n");
  vm_.Send(AgentMessage::kSignal, 15);
  Run();
  EXPECT_EQ(out_, "ready\ncaught\n");
  EXPECT_EQ(exit_status_, 3);
}

// The kernel would throw it away: to its PID namespace, this is the first process.
TEST_F(GuestInitTest, ASignalLeftAtItsDefaultEndsTheContainer) {
  Process process;
  process.args = {"cat"};  // not sh, which handles SIGINT
  Boot(process);
  vm_.Send(AgentMessage::kStdin, "ready\n");
  RunUntilOutput("ready\n");
  vm_.Send(AgentMessage::kSignal, 2);
  Run();
  EXPECT_EQ(exit_status_, 128 + 2);
}

TEST_F(GuestInitTest, ASignalThatIsIgnoredIsIgnored) {
  Process process;
  process.args = {"sh", "-c", "trap '' INT; echo ready; read line; echo \"$line\""};
  Boot(process);
  RunUntilOutput("ready\n");
  vm_.Send(AgentMessage::kSignal, 2);
  vm_.Send(AgentMessage::kStdin, "goes on\n");
  Run();
  EXPECT_EQ(out_, "ready\ngoes on\n");
  EXPECT_EQ(exit_status_, 0);
}

TEST_F(GuestInitTest, KillsBehindUnreadInput) {
  Process process;
  process.args = {"sh", "-c", "mkfifo /tmp/never; echo ready; cat /tmp/never"};
  Boot(process);
  RunUntilOutput("ready\n");
  const std::string input(30'000, 'x');
  for (; credit_ >= input.size(); credit_ -= input.size()) vm_.Send(AgentMessage::kStdin, input);
  vm_.Send(AgentMessage::kSignal, 9);
  Run();
  EXPECT_EQ(exit_status_, 128 + 9);
}

TEST_F(GuestInitTest, ReportsACommandThatIsNotThere) {
  Process process;
  process.args = {"no-such-command"};
  Boot(process);
  Run();
  EXPECT_EQ(failed_status_, 127);
  EXPECT_NE(failed_text_.find("no-such-command"), std::string::npos) << failed_text_;
  EXPECT_FALSE(started_);
}

TEST_F(GuestInitTest, ReportsACommandThatCannotBeExecuted) {
  Process process;
  process.args = {"/etc/notexec"};
  Boot(process);
  Run();
  EXPECT_EQ(failed_status_, 126);
  EXPECT_NE(failed_text_.find("Permission denied"), std::string::npos) << failed_text_;
  EXPECT_FALSE(started_);
}

TEST_F(GuestInitTest, ReportsABrokenConfiguration) {
  Boot("{\"ociVersion\":");
  Run();
  EXPECT_EQ(failed_status_, 125);
  EXPECT_NE(failed_text_.find("crun"), std::string::npos) << failed_text_;
}

TEST_F(GuestInitTest, ReportsADiskThatIsNotAnImage) {
  const std::string disk = std::string(std::getenv("TEST_TMPDIR")) + "/zeros";
  WriteFile(disk, std::string(kMegabyte, '\0'));
  Process process;
  process.args = {"sh"};
  Boot(Config(process), disk);
  Run();
  EXPECT_EQ(failed_status_, 125);
  EXPECT_NE(failed_text_.find("does not hold an image"), std::string::npos) << failed_text_;
}

TEST_F(GuestInitTest, RefusesABadMessageFromTheHost) {
  Process process;
  process.args = {"cat"};
  Boot(process);
  while (!started_) ASSERT_NO_FATAL_FAILURE(RunOne());
  vm_.SendRaw(std::string_view("\x63\0\0\0\0\0\0\0", 8));
  while (!ended_) ASSERT_NO_FATAL_FAILURE(RunOne());
  EXPECT_EQ(failed_status_, 125);
  EXPECT_NE(failed_text_.find("unknown message type"), std::string::npos) << failed_text_;
  EXPECT_EQ(vm_.WaitForPowerOff(), 0);
}

}  // namespace
}  // namespace bulkhead

// ARCH INIT KERNEL VERSION-FILE: ARCH as uname has it.
int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  if (argc != 5) return 2;
  const std::string arch = argv[1];
  bulkhead::g_inputs.machine = bulkhead::GuestMachineFor(arch);
  bulkhead::g_inputs.init = argv[2];
  bulkhead::g_inputs.kernel = argv[3];
  // The cached kernel's files are beside each other.
  const auto kernel = std::filesystem::canonical(argv[4]).parent_path();
  bulkhead::g_inputs.modules = kernel / "modules";
  if (arch == "aarch64") {
    bulkhead::g_inputs.programs = kernel.parent_path().parent_path() / "programs/arm64";
  }
  return RUN_ALL_TESTS();
}
