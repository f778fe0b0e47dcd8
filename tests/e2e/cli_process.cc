// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "tests/e2e/cli_process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>

namespace bulkhead {
namespace {

using Clock = std::chrono::steady_clock;

// Far beyond what any run takes on a busy machine: reached only when something hangs.
constexpr std::chrono::seconds kPatience(180);
constexpr int kReapMs = 20'000;
constexpr char kProgram[] = "cli/bulkhead";
constexpr char kKernelVersion[] = "../guest_kernel/version";  // beside the kernel itself

// The runs that go on. Everything else below this process was left behind by one that has ended.
std::set<pid_t>& Running() {
  static auto& pids = *new std::set<pid_t>();
  return pids;
}

std::string MakeCache() {
  static const auto& directory = *new TempDirectory();
  AddKernel(directory);
  return directory.path();
}

std::vector<std::string> Environment(const CliOptions& options, const std::string& temporary) {
  std::map<std::string, std::string> all = {
      {"PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
      {"HOME", temporary},
      {"TMPDIR", temporary},
      {"BULKHEAD_CACHE", CacheDirectory()},
      {"BULKHEAD_FILES", std::filesystem::current_path()},
  };
  for (const auto& [name, value] : options.environment) all[name] = value;
  std::vector<std::string> out;
  for (const auto& [name, value] : all) out.push_back(name + "=" + value);
  return out;
}

std::vector<char*> Pointers(std::vector<std::string>& strings) {
  std::vector<char*> out;
  for (std::string& string : strings) out.push_back(string.data());
  out.push_back(nullptr);
  return out;
}

// Appends what there is; closes the pipe at its end.
void Drain(int& pipe, std::string& to) {
  std::array<char, 65536> buffer;
  const ssize_t count = read(pipe, buffer.data(), buffer.size());
  if (count > 0) {
    to.append(buffer.data(), static_cast<size_t>(count));
  } else if (count == 0 || (errno != EINTR && errno != EAGAIN)) {
    close(pipe);
    pipe = -1;
  }
}

bool EndsWithin(pid_t pid, int timeout_ms) {
  const int fd = static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
  if (fd < 0) return true;
  pollfd ready = {fd, POLLIN, 0};
  const bool ended = poll(&ready, 1, timeout_ms) == 1;
  close(fd);
  return ended;
}

std::vector<pid_t> Children(pid_t pid) {
  const std::string text = std::to_string(pid);
  std::ifstream file("/proc/" + text + "/task/" + text + "/children");
  EXPECT_TRUE(file.good());
  std::vector<pid_t> out;
  for (pid_t child; file >> child;) out.push_back(child);
  return out;
}

std::string Name(pid_t pid) {
  std::string name;
  std::ifstream file("/proc/" + std::to_string(pid) + "/comm");
  std::getline(file, name);
  return name;
}

// What a run started and did not wait for has come to us. It may be on its way to its end, as
// fakeroot's helper is; whatever stays is an offence. Returns the offenders' names.
std::string ReapStrangers() {
  std::string offenders;
  for (const pid_t pid : Children(getpid())) {
    if (Running().count(pid) != 0) continue;
    if (!EndsWithin(pid, kReapMs)) {
      offenders += " " + Name(pid);
      kill(pid, SIGKILL);
    }
    waitpid(pid, nullptr, 0);
  }
  return offenders;
}

}  // namespace

void AddKernel(const TempDirectory& cache) {
  std::filesystem::create_directories(cache / "kernel");
  std::filesystem::create_directory_symlink(
      std::filesystem::canonical(kKernelVersion).parent_path(), cache / "kernel/amd64");
}

const std::string& CacheDirectory() {
  static const auto& path = *new std::string(MakeCache());
  return path;
}

CliProcess::CliProcess(const CliOptions& options)
    : input_(options.input), keep_stdin_open_(options.keep_stdin_open) {
  // Orphans of the runs become our children.
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  signal(SIGPIPE, SIG_IGN);
  std::vector<std::string> arguments = {kProgram};
  arguments.insert(arguments.end(), options.arguments.begin(), options.arguments.end());
  std::vector<std::string> environment = Environment(options, temporary_.path());
  std::vector<char*> argv = Pointers(arguments);
  std::vector<char*> envp = Pointers(environment);
  int in[2], out[2], err[2];
  if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0 || pipe2(err, O_CLOEXEC) != 0) {
    std::abort();
  }
  const pid_t parent = getpid();
  pid_ = fork();
  if (pid_ < 0) std::abort();
  if (pid_ == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(126);
    signal(SIGPIPE, SIG_DFL);
    dup2(in[0], STDIN_FILENO);
    dup2(out[1], STDOUT_FILENO);
    dup2(err[1], STDERR_FILENO);
    if (options.file_size_limit != 0) {
      signal(SIGXFSZ, SIG_IGN);  // writes fail instead
      const rlimit limit = {options.file_size_limit, options.file_size_limit};
      setrlimit(RLIMIT_FSIZE, &limit);
    }
    execve(argv[0], argv.data(), envp.data());
    _exit(126);
  }
  Running().insert(pid_);
  close(in[0]);
  close(out[1]);
  close(err[1]);
  in_pipe_ = in[1];
  out_pipe_ = out[0];
  err_pipe_ = err[0];
  for (const int pipe : {in_pipe_, out_pipe_, err_pipe_}) fcntl(pipe, F_SETFL, O_NONBLOCK);
}

CliProcess::~CliProcess() {
  if (pid_ > 0) {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
    Running().erase(pid_);
  }
  for (const int pipe : {in_pipe_, out_pipe_, err_pipe_}) {
    if (pipe >= 0) close(pipe);
  }
}

void CliProcess::Pump(int timeout_ms) {
  if (in_pipe_ >= 0 && input_.empty() && !keep_stdin_open_) {
    close(in_pipe_);
    in_pipe_ = -1;
  }
  std::array<pollfd, 3> waits = {{{input_.empty() ? -1 : in_pipe_, POLLOUT, 0},
                                  {out_pipe_, POLLIN, 0},
                                  {err_pipe_, POLLIN, 0}}};
  if (poll(waits.data(), waits.size(), timeout_ms) <= 0) return;
  if (waits[0].revents != 0) {
    const ssize_t count = write(in_pipe_, input_.data(), input_.size());
    if (count > 0) {
      input_.erase(0, static_cast<size_t>(count));
    } else if (count < 0 && errno != EINTR && errno != EAGAIN) {
      input_.clear();  // nobody wants the rest
    }
  }
  if (waits[1].revents != 0) Drain(out_pipe_, out_);
  if (waits[2].revents != 0) Drain(err_pipe_, err_);
}

testing::AssertionResult CliProcess::RunUntil(const std::function<bool()>& condition) {
  const auto until = Clock::now() + kPatience;
  while (!condition()) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(until - Clock::now()).count();
    if (left <= 0) return Failure("the deadline passed");
    if (out_pipe_ < 0 && err_pipe_ < 0) return Failure("it ended before");
    Pump(static_cast<int>(left));
  }
  return testing::AssertionSuccess();
}

testing::AssertionResult CliProcess::RunToEnd() {
  if (auto result = RunUntil([this] { return out_pipe_ < 0 && err_pipe_ < 0; }); !result) {
    return result;
  }
  if (!EndsWithin(pid_, kReapMs)) return Failure("it closed its output and did not end");
  int status = 0;
  waitpid(pid_, &status, 0);
  Running().erase(pid_);
  pid_ = -1;
  status_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  if (const std::string left = ReapStrangers(); !left.empty()) {
    return Failure("it left processes behind:" + left);
  }
  for (const auto& file : std::filesystem::directory_iterator(temporary_.path())) {
    return Failure("it left files behind: " + file.path().string());
  }
  return testing::AssertionSuccess();
}

void CliProcess::Signal(int signal) {
  if (pid_ > 0) kill(pid_, signal);
}

testing::AssertionResult CliProcess::SignalQemu(int signal) {
  for (const pid_t pid : Children(pid_)) {
    if (Name(pid).starts_with("qemu")) {
      kill(pid, signal);
      return testing::AssertionSuccess();
    }
  }
  return Failure("it runs no QEMU");
}

void CliProcess::CloseOut() {
  close(out_pipe_);
  out_pipe_ = -1;
}

testing::AssertionResult CliProcess::Failure(const std::string& what) const {
  return testing::AssertionFailure() << what << "\n--- status " << status_ << "\n--- stdout\n"
                                     << out_.substr(0, 4000) << "\n--- stderr\n"
                                     << err_.substr(0, 20000) << "\n---";
}

std::unique_ptr<CliProcess> Bulkhead(const std::vector<std::string>& arguments,
                                     const std::string& input) {
  auto process = std::make_unique<CliProcess>(CliOptions{.arguments = arguments, .input = input});
  EXPECT_TRUE(process->RunToEnd());
  return process;
}

testing::AssertionResult IsOneLine(const CliProcess& process, int status,
                                   const std::vector<std::string>& texts) {
  const std::string& line = process.err();
  const auto has = [&](const std::string& text) { return line.find(text) != std::string::npos; };
  if (process.status() == status && process.out().empty() && line.starts_with("bulkhead: ") &&
      line.find('\n') == line.size() - 1 && std::all_of(texts.begin(), texts.end(), has)) {
    return testing::AssertionSuccess();
  }
  testing::AssertionResult result = testing::AssertionFailure();
  result << "not status " << status << " and one line that has";
  for (const std::string& text : texts) result << " '" << text << "'";
  return result << "\n--- status " << process.status() << "\n--- stdout\n"
                << process.out() << "\n--- stderr\n"
                << line << "\n---";
}

}  // namespace bulkhead
