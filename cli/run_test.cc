// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// The whole command, with a stand-in for QEMU.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "cli/architecture.h"
#include "cli/files.h"
#include "cli/oci_writer.h"
#include "cli/subprocess.h"
#include "cli/testing_kernel.h"
#include "control/node_frame.h"

namespace bulkhead {
namespace {

namespace fs = std::filesystem;

class RunTest : public testing::Test {
 protected:
  RunTest() : work_(*TempDir::Create()) {
    const std::string files = work_.path() + "/files";
    for (const Architecture arch : {Architecture::kX86_64, Architecture::kAarch64}) {
      const NodeFiles& node = Facts(arch).files;
      for (const char* name :
           {node.hypervisor, node.boot_image, node.supervisor, node.vmm, node.loader, node.init}) {
        fs::create_directories(fs::path(files + "/" + name).parent_path());
        std::ofstream(files + "/" + name) << name;
      }
    }
    fs::create_directory(work_.path() + "/tmp");
    fs::create_directory(work_.path() + "/run");
    std::ofstream(work_.path() + "/kernel") << MakeTestKernel();
    std::ofstream(work_.path() + "/image") << MakeTestImage();
    OciLayoutWriter writer(layout());
    LayerEntry file;
    file.path = "bin/app";
    file.data = "program";
    file.mode = 0755;
    OciLayoutWriter::Image image;
    image.tag = "app";
    image.config_json = R"({"Cmd": ["/bin/app"]})";
    image.layers = {MakeLayer({file}, LayerCompression::kGzip)};
    image.uncompressed = {MakeLayer({file})};
    EXPECT_TRUE(writer.Add(image).ok());
    image.tag = "no-command";
    image.config_json = "{}";
    EXPECT_TRUE(writer.Add(image).ok());
    image.tag = "arm";
    image.arch = "arm64";
    EXPECT_TRUE(writer.Add(image).ok());
    EXPECT_TRUE(writer.Finish().ok());
  }

  ~RunTest() override {
    EXPECT_TRUE(fs::is_empty(work_.path() + "/tmp")) << "temporary files are left";
    for (const char* directory : {"/cache/images", "/cache/examples"}) {
      if (!fs::exists(work_.path() + directory)) continue;
      for (const auto& entry : fs::directory_iterator(work_.path() + directory)) {
        EXPECT_NE(entry.path().filename().string().rfind("bulkhead-", 0), 0u) << entry.path();
      }
    }
    const std::string pid = ReadFile(pid_file(), 32).value_or("");
    if (!pid.empty()) EXPECT_NE(kill(std::atoi(pid.c_str()), 0), 0) << "the node still runs";
  }

  std::string layout() const { return work_.path() + "/layout"; }
  std::string pid_file() const { return work_.path() + "/pid"; }

  Command MakeCommand(const std::string& mode, std::vector<std::string> words,
                      const std::string& name = "run") {
    Command command;
    command.arguments = {"cli/bulkhead_alone", name,       "--emulator",
                         "cli/fake_node",      "--kernel", work_.path() + "/kernel"};
    command.arguments.insert(command.arguments.end(), words.begin(), words.end());
    command.environment = {"BULKHEAD_FILES=" + work_.path() + "/files",
                           "BULKHEAD_CACHE=" + work_.path() + "/cache",
                           "TMPDIR=" + work_.path() + "/tmp",
                           "XDG_RUNTIME_DIR=" + work_.path() + "/run",
                           "BULKHEAD_FAKE_NODE=" + mode,
                           "BULKHEAD_FAKE_NODE_PID=" + pid_file()};
    return command;
  }

  CommandResult Run(const std::string& mode, const std::vector<std::string>& words) {
    absl::StatusOr<CommandResult> result = RunCommand(MakeCommand(mode, words), {});
    EXPECT_TRUE(result.ok()) << result.status();
    return result.value_or(CommandResult());
  }
  CommandResult Run(const std::string& mode) { return Run(mode, {App()}); }
  std::string App() const { return "oci:" + layout() + ":app"; }

  // `up` with these manifests, a file each.
  CommandResult Up(const std::string& mode, const std::vector<std::string>& manifests,
                   std::vector<std::string> words = {}) {
    for (const std::string& manifest : manifests) {
      words.push_back(work_.path() + "/" + std::to_string(words.size()) + ".yaml");
      std::ofstream(words.back()) << manifest;
    }
    absl::StatusOr<CommandResult> result = RunCommand(MakeCommand(mode, words, "up"), {});
    EXPECT_TRUE(result.ok()) << result.status();
    return result.value_or(CommandResult());
  }
  // A command that talks to a node.
  CommandResult Talk(const std::vector<std::string>& words) {
    Command command = MakeCommand("", {});
    command.arguments = {"cli/bulkhead_alone"};
    command.arguments.insert(command.arguments.end(), words.begin(), words.end());
    absl::StatusOr<CommandResult> result = RunCommand(command, {});
    EXPECT_TRUE(result.ok()) << result.status();
    return result.value_or(CommandResult());
  }
  // Waits until the node's process has ended; false: it does not.
  bool NodeEnds() const {
    const int pid = std::atoi(ReadFile(pid_file(), 32).value_or("0").c_str());
    for (int i = 0; i < 200; ++i) {
      if (pid == 0 || kill(pid, 0) != 0) return true;
      poll(nullptr, 0, 50);
    }
    return false;
  }
  // The process that keeps the node, whose child it is.
  int Keeper() const {
    const std::string node = ReadFile(pid_file(), 32).value_or("");
    std::ifstream status("/proc/" + node + "/status");
    for (std::string word; status >> word;) {
      if (word == "PPid:") return status >> word ? std::atoi(word.c_str()) : 0;
    }
    return 0;
  }
  // A document with one pod that runs the app once.
  std::string Manifest(const std::string& name, const std::string& more = "") const {
    return "---\napiVersion: v1\nkind: Pod\nmetadata: {name: " + name +
           "}\nspec:\n  restartPolicy: Never\n  containers:\n  - name: main\n    image: '" + App() +
           "'\n" + more;
  }

  void MakeArm64Programs() {
    const std::string directory = work_.path() + "/cache/programs/arm64/usr/bin";
    fs::create_directories(directory);
    fs::copy_file("guest/init/init_aarch64", directory + "/crun");  // a static arm64 program
  }

  void Skopeo(std::vector<std::string> words) {
    words.insert(words.begin(), {"skopeo", "--insecure-policy", "--tmpdir", work_.path()});
    Command command;
    command.arguments = std::move(words);
    const absl::StatusOr<CommandResult> result = RunCommand(command, {});
    ASSERT_TRUE(result.ok() && result->ok()) << result.status() << result->errors;
  }

  // One line on stderr with these words, nothing on stdout, this exit status.
  void ExpectFailure(const CommandResult& result, const std::vector<std::string>& words,
                     int status = 125) {
    EXPECT_EQ(WEXITSTATUS(result.status), status);
    EXPECT_EQ(result.output, "");
    EXPECT_EQ(result.errors.rfind("bulkhead: ", 0), 0u) << result.errors;
    EXPECT_EQ(result.errors.find('\n'), result.errors.size() - 1) << result.errors;
    for (const std::string& word : words) {
      EXPECT_NE(result.errors.find(word), std::string::npos) << word << " in " << result.errors;
    }
  }

  // Starts the command and waits for the container's first line.
  ChildProcess StartAndWait(const std::string& mode, UniqueFd* output, bool own_group = false) {
    int fds[2];
    EXPECT_EQ(pipe2(fds, O_CLOEXEC), 0);
    Command command = MakeCommand(mode, {App()});
    command.new_session = own_group;
    command.descriptors = {{fds[1], STDOUT_FILENO}};
    absl::StatusOr<ChildProcess> child = ChildProcess::Start(command);
    close(fds[1]);
    output->reset(fds[0]);
    char line[6];
    EXPECT_EQ(read(fds[0], line, sizeof(line)), 6);
    return *std::move(child);
  }

  // What a run that succeeds shows on a terminal that is its stderr.
  std::string ShownOnTerminal(const std::string& mode, const std::vector<std::string>& words) {
    const UniqueFd terminal(posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
    char name[64];
    if (!terminal.valid() || grantpt(terminal.get()) != 0 || unlockpt(terminal.get()) != 0 ||
        ptsname_r(terminal.get(), name, sizeof(name)) != 0) {
      ADD_FAILURE() << "no terminal";
      return "";
    }
    UniqueFd end(open(name, O_RDWR | O_NOCTTY | O_CLOEXEC));
    termios settings;
    EXPECT_EQ(tcgetattr(end.get(), &settings), 0);
    cfmakeraw(&settings);  // newlines stay newlines
    EXPECT_EQ(tcsetattr(end.get(), TCSANOW, &settings), 0);
    Command command = MakeCommand(mode, words);
    command.descriptors = {{end.get(), STDERR_FILENO}};
    absl::StatusOr<ChildProcess> child = ChildProcess::Start(command);
    end.reset();
    std::string shown;
    char buffer[4096];
    // Fails when nobody has the other end open any more.
    for (ssize_t n; (n = read(terminal.get(), buffer, sizeof(buffer))) > 0;) {
      shown.append(buffer, static_cast<size_t>(n));
    }
    EXPECT_EQ(child->Wait(), 0) << shown;
    return shown;
  }

  TempDir work_;
};

TEST_F(RunTest, OutputByteForByteAndExitStatus) {
  const CommandResult result = Run("output");
  EXPECT_EQ(WEXITSTATUS(result.status), 7);
  EXPECT_EQ(result.errors, "to stderr\n");
  ASSERT_EQ(result.output.size(), size_t{1} << 20);
  for (int i = 0; i < 1 << 20; ++i) {
    ASSERT_EQ(result.output[static_cast<size_t>(i)], static_cast<char>(i * 7 + (i >> 8)));
  }
}

TEST_F(RunTest, StdinIsPassedOnToItsEnd) {
  std::string bytes;
  for (int i = 0; i < 700'001; ++i) bytes += static_cast<char>(i * 13);
  std::ofstream(work_.path() + "/stdin") << bytes;
  const UniqueFd in(open((work_.path() + "/stdin").c_str(), O_RDONLY | O_CLOEXEC));
  Command command = MakeCommand("stdin", {App()});
  command.descriptors = {{in.get(), STDIN_FILENO}};
  const CommandResult result = *RunCommand(command, {});
  EXPECT_EQ(result.status, 0) << result.errors;
  EXPECT_TRUE(result.output == bytes) << result.output.size();
}

TEST_F(RunTest, CommandThatIsNotThere) {
  ExpectFailure(Run("not-found"), {"bulkhead: crun: executable file `/bin/app` not found;"}, 127);
}

TEST_F(RunTest, CommandThatIsNotExecutable) {
  ExpectFailure(Run("not-executable"), {"'/bin/app': crun: open executable: Permission denied;"},
                126);
}

TEST_F(RunTest, PodsThatEndBadly) {
  ExpectFailure(Run("fault"), {"triple fault"});
  ExpectFailure(Run("panic"), {"Kernel panic - not syncing: out of memory"});
  ExpectFailure(Run("vmm"), {"VMM", "bad access"});
  ExpectFailure(Run("agent-garbage"), {"agent protocol"});
}

TEST_F(RunTest, NodesThatEndBadly) {
  ExpectFailure(Run("garbage"), {"channel is broken"});
  ExpectFailure(Run("early"), {"QEMU failed", "cannot allocate memory"});
  ExpectFailure(Run("fatal"), {"this machine has no AMD-V"});
  ExpectFailure(Run("crash"), {"signal 9"});
}

TEST_F(RunTest, Timeout) {
  const CommandResult result = Run("stubborn", {"--timeout", "1", App()});
  EXPECT_EQ(WEXITSTATUS(result.status), 125);
  EXPECT_NE(result.errors.find("longer than 1 s"), std::string::npos) << result.errors;
}

TEST_F(RunTest, SignalGoesToTheContainer) {
  UniqueFd output;
  ChildProcess child = StartAndWait("signal", &output);
  child.Signal(SIGTERM);
  EXPECT_EQ(WEXITSTATUS(child.Wait()), 128 + SIGTERM);
}

// As by Ctrl-C at a terminal: it is for the container, not for the machine that it runs in.
TEST_F(RunTest, SignalToTheWholeGroup) {
  UniqueFd output;
  ChildProcess child = StartAndWait("signal", &output, /*own_group=*/true);
  ASSERT_EQ(kill(-child.pid(), SIGINT), 0);
  EXPECT_EQ(WEXITSTATUS(child.Wait()), 128 + SIGINT);
}

TEST_F(RunTest, SecondSignalStopsThePod) {
  UniqueFd output;
  ChildProcess child = StartAndWait("stubborn", &output);
  child.Signal(SIGINT);
  child.Signal(SIGTERM);
  const int status = child.Wait();
  EXPECT_TRUE(WEXITSTATUS(status) == 128 + SIGINT || WEXITSTATUS(status) == 128 + SIGTERM);
}

TEST_F(RunTest, ReaderThatGoesAway) {
  UniqueFd output;
  ChildProcess child = StartAndWait("endless", &output);
  output.reset();
  EXPECT_EQ(WEXITSTATUS(child.Wait()), 128 + SIGPIPE);
}

TEST_F(RunTest, BadImages) {
  ExpectFailure(Run("output", {"oci:" + work_.path() + "/absent"}), {"does not exist"});
  ExpectFailure(Run("output", {"oci:" + layout() + ":absent"}), {"no tag 'absent'", "app"});
  ExpectFailure(Run("output", {"oci-archive:" + work_.path() + "/absent"}), {"does not exist"});
  ExpectFailure(Run("output", {"oci-archive:" + work_.path() + "/kernel"}), {"again"});
  ExpectFailure(Run("output", {"oci:" + layout() + ":arm"}), {"linux/arm64", "linux/amd64"});
  ExpectFailure(Run("output", {"oci:" + layout() + ":no-command"}), {"neither entrypoint nor"});
  ExpectFailure(Run("output", {"redis"}), {"docker://redis"});
  ExpectFailure(Run("output", {"example:absent"}), {"example:hello"});
}

// What is in a bundle and in an initramfs is a matter of unit tests: here, that everything is found
// by the architecture, and the node's machine started.
TEST_F(RunTest, Arm64) {
  const std::string programs = work_.path() + "/cache/programs/arm64";
  const std::vector<std::string> words = {"--arch", "arm64", "--kernel", work_.path() + "/image",
                                          "oci:" + layout() + ":arm"};
  std::vector<std::string> command = words;
  command.insert(command.end(), {"--", "/bin/app"});
  ExpectFailure(Run("output", command), {"initramfs", programs + "/usr/bin/crun", "tools/setup"});
  MakeArm64Programs();
  const CommandResult result = Run("output", command);
  EXPECT_EQ(WEXITSTATUS(result.status), 7) << result.errors;
  EXPECT_EQ(result.output.size(), size_t{1} << 20);
  ExpectFailure(Run("output", words), {"neither entrypoint nor"});
  fs::remove(work_.path() + "/files/hypervisor/hypervisor_aarch64.img");
  ExpectFailure(Run("output", command), {"hypervisor_aarch64.img", "build"});
}

TEST_F(RunTest, Arm64NeedsItsOwn) {
  ExpectFailure(Run("output", {"--arch", "arm64", App()}), {"linux/amd64", "not for linux/arm64"});
  ExpectFailure(Run("output", {"--arch", "arm64", "oci:" + layout() + ":arm", "x"}),
                {"/kernel is not for aarch64"});
  ExpectFailure(Run("output", {"--kernel", work_.path() + "/image", App()}),
                {"/image is not for x86_64"});
  ExpectFailure(Run("output", {"--arch", "arm64", "--firmware", "uefi", "--firmware-directory",
                               work_.path(), App()}),
                {"AAVMF_CODE.fd", "install the package qemu-efi-aarch64", "--firmware direct"});
  ExpectFailure(Run("output", {"--arch", "arm64", "--emulator", "absent-qemu", App()}),
                {"install the package qemu-system-arm"});
}

TEST_F(RunTest, CorruptLayer) {
  for (const auto& entry : fs::directory_iterator(layout() + "/blobs/sha256")) {
    const std::string bytes = *ReadFile(entry.path(), 1 << 20);
    if (bytes[0] == '\x1f') std::ofstream(entry.path(), std::ios::trunc) << "X" + bytes.substr(1);
  }
  ExpectFailure(Run("output"), {"digest mismatch"});
}

TEST_F(RunTest, BadKernels) {
  const std::string kernel = work_.path() + "/other";
  std::ofstream(kernel) << "#!/bin/sh";
  ExpectFailure(Run("output", {"--kernel", kernel, App()}), {"not a kernel"});
  std::ofstream(kernel, std::ios::trunc) << MakeTestKernel(false);
  ExpectFailure(Run("output", {"--kernel", kernel, App()}), {"no PVH entry"});
  std::ofstream(kernel, std::ios::trunc) << MakeTestKernel().substr(0, 0x1008);
  ExpectFailure(Run("output", {"--kernel", kernel, App()}), {"truncated"});
  ExpectFailure(Run("output", {"--kernel", "/absent", App()}), {"/absent"});
}

TEST_F(RunTest, TooLittleMemory) {
  ExpectFailure(Run("output", {"--memory", "16m", App()}), {"too little", "--memory"});
}

TEST_F(RunTest, NoQemu) {
  ExpectFailure(Run("output", {"--emulator", "absent-qemu", App()}), {"not installed"});
}

TEST_F(RunTest, InBochs) {
  const CommandResult result = Run("output", {"--machine", "bochs", App()});
  EXPECT_EQ(WEXITSTATUS(result.status), 7) << result.errors;
  EXPECT_EQ(result.output.size(), 1u << 20);
  EXPECT_EQ(result.errors, "to stderr\n");
  ExpectFailure(Run("early", {"--machine", "bochs", App()}), {"Bochs failed: no such processor"});
  ExpectFailure(Run("fatal", {"--machine", "bochs", App()}), {"this machine has no AMD-V"});
  ExpectFailure(Run("crash", {"--machine", "bochs", App()}), {"signal 9"});
  ExpectFailure(Run("output", {"--machine", "bochs", "-m", "4g", App()}),
                {"Bochs has at most 2048", "--memory"});
  ExpectFailure(Run("output", {"--machine", "bochs", "--emulator", "absent", App()}),
                {"install the package bochs"});
}

TEST_F(RunTest, NoFirmware) {
  ExpectFailure(Run("output", {"--firmware", "uefi", "--firmware-directory", work_.path(), App()}),
                {"OVMF_CODE_4M.fd", "install the package ovmf", "--firmware direct"});
}

TEST_F(RunTest, IncompleteBuild) {
  fs::remove(work_.path() + "/files/vmm/vmm_x86_64.elf");
  ExpectFailure(Run("output"), {"vmm_x86_64.elf", "build"});
}

TEST_F(RunTest, NoSpace) {
  Command command = MakeCommand("output", {App()});
  // A file may not grow beyond this: what a full disk looks like to whoever writes.
  command.arguments.insert(command.arguments.begin(),
                           {"/bin/sh", "-c", "trap '' XFSZ; ulimit -f 8; exec \"$@\"", "sh"});
  ExpectFailure(*RunCommand(command, {}), {"no space left", "TMPDIR"});
}

TEST_F(RunTest, SecondRunNeedsNoLayers) {
  EXPECT_EQ(WEXITSTATUS(Run("output").status), 7);
  for (const auto& entry : fs::directory_iterator(layout() + "/blobs/sha256")) {
    if ((*ReadFile(entry.path(), 1 << 20))[0] == '\x1f') fs::remove(entry.path());
  }
  EXPECT_EQ(WEXITSTATUS(Run("output").status), 7);
}

TEST_F(RunTest, CpuTimeReachesTheNode) {
  const auto has = [](const CommandResult& result, const std::string& text) {
    return result.output.find(text) != std::string::npos;
  };
  EXPECT_TRUE(has(Run("configuration", {App()}), "cpu_limit=0\ncpu_request=0\n"));
  EXPECT_TRUE(has(Run("configuration", {"--cpus", "0.5", App()}), "cpu_limit=500\n"));
  const std::string some = "    resources: {limits: {cpu: 750m}, requests: {cpu: 100m}}\n";
  const CommandResult up = Up("configuration", {Manifest("a", some)});
  EXPECT_TRUE(has(up, "cpu_limit=750\n") && has(up, "cpu_request=100\n")) << up.output;
}

TEST_F(RunTest, UpShowsWhoseLinesTheyAre) {
  const CommandResult result =
      Up("pods", {Manifest("web") + Manifest("worker-1"), Manifest("batch")});
  EXPECT_EQ(result.output,
            "web/main      | first line\nworker-1/main | first line\nbatch/main    | first line\n"
            "web/main      | pod 0\nworker-1/main | pod 1\nbatch/main    | pod 2\n");
  EXPECT_EQ(result.errors,
            "bulkhead: pod worker-1: exit status 1\nbulkhead: pod batch: exit status 2\n");
  EXPECT_EQ(WEXITSTATUS(result.status), 1);
}

TEST_F(RunTest, UpShowsEachContainersLines) {
  const std::string app = ", image: '" + App() + "'}\n";
  const CommandResult result =
      Up("containers", {"apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec:\n"
                        "  restartPolicy: OnFailure\n"
                        "  initContainers:\n  - {name: prepare" +
                        app + "  containers:\n  - {name: a" + app + "  - {name: b" + app});
  EXPECT_EQ(result.output,
            "web/prepare | prepared\nweb/a       | one\nweb/b       | two is here\n");
  EXPECT_EQ(result.errors,
            "bulkhead: pod web: container a: crun: `/bin/app` not found; name a command that is in "
            "the image\nbulkhead: pod web: container b: exit status 9\n"
            "bulkhead: pod web: container a: exit status 4\n");
  EXPECT_EQ(WEXITSTATUS(result.status), 9);
}

TEST_F(RunTest, UpReadsTheStandardInput) {
  std::ofstream(work_.path() + "/stdin") << Manifest("web");
  const UniqueFd in(open((work_.path() + "/stdin").c_str(), O_RDONLY | O_CLOEXEC));
  Command command = MakeCommand("pods", {"-"}, "up");
  command.descriptors = {{in.get(), STDIN_FILENO}};
  const CommandResult result = *RunCommand(command, {});
  EXPECT_EQ(result.output, "web/main | first line\nweb/main | pod 0\n");
  EXPECT_EQ(result.errors, "");
  EXPECT_EQ(result.status, 0);
}

TEST_F(RunTest, UpSaysWhatTheNodeCannotDo) {
  ExpectFailure(Up("pods", {"# nothing\n"}), {"no pod"});
  ExpectFailure(Up("pods", {Manifest("web"), Manifest("web")}), {"0.yaml", "1.yaml", "web"});
  std::string many;
  for (int i = 0; i <= kMaxNodePods; ++i) many += Manifest("pod-" + std::to_string(i));
  ExpectFailure(Up("pods", {many}), {"129 pods", "takes 128"});
  ExpectFailure(Up("pods", {Manifest("web")}, {"--memory", "100m"}), {"--memory", "100 MiB"});
  const std::string busy = "    resources: {requests: {cpu: 600m}}\n";
  ExpectFailure(Up("pods", {Manifest("a", busy) + Manifest("b", busy)}), {"1200m", "1000m"});
  // Three of them fit two CPUs by their sum only.
  ExpectFailure(Up("pods", {Manifest("a", busy) + Manifest("b", busy) + Manifest("c", busy)},
                   {"--cpus", "2"}),
                {"pod c", "600m", "none of the node's 2"});
  ExpectFailure(Up("pods", {Manifest("a")}, {"--cpus", "0"}), {"--cpus", "1 to 255"});
  ExpectFailure(Up("pods", {}, {"/nowhere.yaml"}), {"/nowhere.yaml"});
}

TEST_F(RunTest, DetachedNodeFromStartToEnd) {
  const CommandResult none = Talk({"ps"});
  EXPECT_EQ(none.status, 0);
  EXPECT_TRUE(none.output.starts_with("no node is running")) << none.output;
  const CommandResult up = Up("keep", {Manifest("web") + Manifest("db")}, {"--detach"});
  ASSERT_EQ(up.status, 0) << up.errors;
  EXPECT_EQ(up.errors, "");
  const std::string ps = Talk({"ps"}).output;
  EXPECT_TRUE(up.output.starts_with(ps.substr(0, ps.find("web")))) << up.output;
  for (const char* line : {"NODE  POD  CONTAINERS  STATUS   RESTARTS  AGE\n",
                           "node  web  main        Running  0         "}) {
    EXPECT_NE(ps.find(line), std::string::npos) << ps;
  }
  EXPECT_NE(Talk({"ps", "--format", "json"}).output.find("\"status\": \"Running\""),
            std::string::npos);

  const CommandResult logs = Talk({"logs", "web"});
  EXPECT_EQ(logs.output, "first\nsecond\n");
  EXPECT_EQ(logs.errors, "to stderr\n");
  EXPECT_EQ(Talk({"logs", "--tail", "2", "db/main"}).output, "second\n");
  const CommandResult top = Talk({"top", "--once", "db"});
  EXPECT_EQ(top.output,
            "node node: memory 512.0 MiB of 1024.0 MiB, hypervisor 1.0 MiB\n"
            "POD  CPU(ms)  CPU(%)  GUEST     USED  PAGE-TABLES  VMM\n"
            "db   500      25.0    64.0 MiB  -     -            768 KiB\n");

  ExpectFailure(Talk({"logs", "absent"}), {"no pod 'absent'", "web, db"}, 1);
  ExpectFailure(Talk({"logs", "web/absent"}), {"no container 'absent'", "main"}, 1);
  ExpectFailure(Talk({"stop", "web", "absent"}), {"no pod 'absent'", "web, db"}, 1);
  ExpectFailure(Talk({"top", "--once", "absent"}), {"no pod 'absent'", "web, db"}, 1);
  ExpectFailure(Up("keep", {Manifest("web")}, {"--detach"}), {"there already", "bulkhead down"});

  EXPECT_EQ(Talk({"stop", "web"}).output, "web\n");
  const std::string stopped = Talk({"ps"}).output;
  EXPECT_NE(stopped.find("web  main        Error"), std::string::npos) << stopped;
  EXPECT_NE(stopped.find("db   main        Running"), std::string::npos) << stopped;
  EXPECT_EQ(Talk({"logs", "-f", "web"}).output, "first\nsecond\nunfinished\n");

  EXPECT_EQ(Talk({"down"}).output, "node node is down\n");
  EXPECT_TRUE(NodeEnds());
  EXPECT_EQ(Talk({"down"}).output, "node node is not there; nothing to do\n");
  ExpectFailure(Talk({"logs", "web"}), {"there is no node node", "up --detach"}, 1);
  EXPECT_TRUE(fs::is_empty(work_.path() + "/run/bulkhead"));
}

TEST_F(RunTest, DetachedNodeWhosePodsHaveEndedStays) {
  ASSERT_EQ(Up("keep-job", {Manifest("good") + Manifest("bad")}, {"-d", "--name", "n2"}).status, 0);
  const std::string ps = Talk({"ps", "--name", "n2"}).output;
  EXPECT_NE(ps.find("good  main        Completed"), std::string::npos) << ps;
  EXPECT_NE(ps.find("bad   main        Error"), std::string::npos) << ps;
  EXPECT_NE(Talk({"logs", "--name", "n2", "bad"}).errors.find("exit status 1"), std::string::npos);
  EXPECT_EQ(Talk({"down", "--name", "n2"}).status, 0);
  EXPECT_TRUE(NodeEnds());
}

TEST_F(RunTest, DetachNeedsAllPods) {
  ExpectFailure(Up("keep-not-started", {Manifest("a") + Manifest("b")}, {"--detach"}),
                {"pod b", "no memory", "taken down"});
  ExpectFailure(Up("fatal", {Manifest("a")}, {"--detach"}), {"this machine has no AMD-V"});
  EXPECT_TRUE(NodeEnds());
  EXPECT_TRUE(Talk({"ps"}).output.starts_with("no node is running"));
}

TEST_F(RunTest, StubbornPodsOfADetachedNode) {
  ASSERT_EQ(Up("keep-stubborn", {Manifest("a") + Manifest("b")}, {"--detach"}).status, 0);
  EXPECT_EQ(Talk({"stop", "--time", "0", "a"}).status, 0);
  EXPECT_EQ(Talk({"down", "--time", "1"}).status, 0);
  EXPECT_TRUE(NodeEnds());
}

TEST_F(RunTest, KilledKeeperTakesItsNodeWithIt) {
  ASSERT_EQ(Up("keep", {Manifest("a")}, {"--detach"}).status, 0);
  ASSERT_EQ(kill(Keeper(), SIGKILL), 0);
  EXPECT_TRUE(NodeEnds());
  const CommandResult ps = Talk({"ps"});
  EXPECT_NE(ps.errors.find("node node is gone"), std::string::npos) << ps.errors;
  EXPECT_TRUE(ps.output.starts_with("no node is running")) << ps.output;
  ASSERT_EQ(Up("keep", {Manifest("a")}, {"--detach"}).status, 0);
  EXPECT_EQ(Talk({"down"}).status, 0);
  EXPECT_TRUE(NodeEnds());
  // What only a later start would remove.
  fs::remove_all(work_.path() + "/tmp");
  fs::create_directory(work_.path() + "/tmp");
}

TEST_F(RunTest, NodeThatDiesIsStillThereToBeAsked) {
  ASSERT_EQ(Up("keep", {Manifest("a")}, {"--detach"}).status, 0);
  const int node = std::atoi(ReadFile(pid_file(), 32)->c_str());
  ASSERT_EQ(kill(node, SIGKILL), 0);
  EXPECT_TRUE(NodeEnds());
  std::string ps;
  for (int i = 0; i < 100 && ps.find("Failed") == std::string::npos; ++i) {
    ps = Talk({"ps"}).output;
  }
  EXPECT_NE(ps.find("Failed"), std::string::npos) << ps;
  EXPECT_NE(ps.find("Unknown"), std::string::npos) << ps;
  EXPECT_EQ(Talk({"logs", "a"}).output, "first\nsecond\n");
  EXPECT_EQ(Talk({"down"}).status, 0);
}

TEST_F(RunTest, ProgressOnATerminal) {
  const std::string shown = ShownOnTerminal("slow", {App()});
  EXPECT_NE(shown.find("\rbulkhead: booting the node ("), std::string::npos) << shown;
  EXPECT_TRUE(shown.ends_with("\r\x1b[Kto stderr\n")) << shown;
}

TEST_F(RunTest, QuietShowsNoProgress) {
  EXPECT_EQ(ShownOnTerminal("slow", {"--quiet", App()}), "to stderr\n");
  EXPECT_EQ(ShownOnTerminal("slow", {"-q", App()}), "to stderr\n");
  // What is wrong is said all the same.
  ExpectFailure(Run("fault", {"--quiet", App()}), {"triple fault"});
  ExpectFailure(Run("fault", {"--quiet", "--verbose", App()}), {"contradict"});
}

TEST_F(RunTest, ArchivesThroughSkopeo) {
  for (const std::string transport : {"oci-archive", "docker-archive"}) {
    const std::string archive = work_.path() + "/" + transport + ".tar";
    Skopeo({"copy", "-q", App(), transport + ":" + archive + ":app:latest"});
    const CommandResult first = Run("output", {transport + ":" + archive});
    EXPECT_EQ(WEXITSTATUS(first.status), 7) << first.errors;
    // Unchanged, it is known without being read; cut short, it is not.
    EXPECT_EQ(WEXITSTATUS(Run("output", {transport + ":" + archive}).status), 7);
    fs::resize_file(archive, fs::file_size(archive) / 3);
    ExpectFailure(Run("output", {transport + ":" + archive}), {"again"});
  }
}

// Skopeo takes what it was told, and an image for one architecture whatever it is for.
TEST_F(RunTest, ArchivesOfOtherArchitectures) {
  MakeArm64Programs();
  const std::string both = work_.path() + "/both";
  OciLayoutWriter writer(both);
  for (const char* arch : {"amd64", "arm64"}) {
    OciLayoutWriter::Image image;
    image.arch = arch;
    image.platform_in_index = true;
    image.config_json = R"({"Cmd": ["/bin/app"]})";
    image.layers = {MakeLayer({})};
    ASSERT_TRUE(writer.Add(image).ok());
  }
  ASSERT_TRUE(writer.FinishAsOne("app").ok());
  const std::string archive = "oci-archive:" + work_.path() + "/both.tar";
  Skopeo({"copy", "-q", "--all", "oci:" + both + ":app", archive + ":app"});
  EXPECT_EQ(WEXITSTATUS(Run("output", {archive}).status), 7);
  const CommandResult arm =
      Run("output", {"--arch", "arm64", "--kernel", work_.path() + "/image", archive});
  EXPECT_EQ(WEXITSTATUS(arm.status), 7) << arm.errors;

  const std::string docker = "docker-archive:" + work_.path() + "/docker.tar";
  Skopeo({"copy", "-q", App(), docker + ":app:latest"});
  ExpectFailure(Run("output", {"--arch", "arm64", docker}), {"linux/amd64", "not for linux/arm64"});
}

}  // namespace
}  // namespace bulkhead
