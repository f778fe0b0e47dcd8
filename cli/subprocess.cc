// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "cli/subprocess.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>

#include "cli/failure.h"

namespace bulkhead {
namespace {

constexpr int kTickMs = 200;

// In the child, between fork and exec: only system calls. Returns on failure, with errno.
void BecomeCommand(const Command& command, pid_t parent, const char* path, char* const* argv,
                   char* const* envp, int high) {
  prctl(PR_SET_PDEATHSIG, command.death_signal);
  if (getppid() != parent) _exit(125);  // it ended before the line above
  if (command.new_session) setsid();
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  signal(SIGPIPE, SIG_DFL);
  // First out of the way of all target numbers, then into place.
  int moved[16];
  const size_t count = command.descriptors.size();
  for (size_t i = 0; i < count; ++i) {
    moved[i] = fcntl(command.descriptors[i].first, F_DUPFD_CLOEXEC, high);
    if (moved[i] < 0) return;
  }
  const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  if (null < 0) return;
  for (int fd = 0; fd < 3; ++fd) {
    if (dup2(null, fd) < 0) return;
  }
  for (size_t i = 0; i < count; ++i) {
    if (dup2(moved[i], command.descriptors[i].second) < 0) return;
  }
  if (!command.directory.empty() && chdir(command.directory.c_str()) != 0) return;
  execve(path, argv, envp);
}

std::vector<char*> Pointers(const std::vector<std::string>& strings) {
  std::vector<char*> out;
  out.reserve(strings.size() + 1);
  for (const std::string& s : strings) out.push_back(const_cast<char*>(s.c_str()));
  out.push_back(nullptr);
  return out;
}

std::vector<std::string> Environment(const Command& command) {
  std::vector<std::string> out;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string variable = *entry;
    const std::string name = variable.substr(0, variable.find('=') + 1);
    const bool replaced =
        std::any_of(command.environment.begin(), command.environment.end(),
                    [&](const std::string& other) { return other.rfind(name, 0) == 0; });
    if (!replaced) out.push_back(variable);
  }
  out.insert(out.end(), command.environment.begin(), command.environment.end());
  return out;
}

// Reads what there is; false at the end of the stream.
bool Drain(int fd, std::string* out) {
  char chunk[8192];
  const ssize_t n = read(fd, chunk, sizeof(chunk));
  if (n < 0) return errno == EINTR || errno == EAGAIN;
  if (n > 0 && out->size() < kMaxCaptured) {
    out->append(chunk, std::min(static_cast<size_t>(n), kMaxCaptured - out->size()));
  }
  return n > 0;
}

}  // namespace

std::string FindProgram(const std::string& name) {
  if (name.find('/') != std::string::npos) return name;
  const char* variable = std::getenv("PATH");
  std::string path = variable != nullptr ? variable : "/usr/local/bin:/usr/bin:/bin";
  path += ":/usr/local/sbin:/usr/sbin:/sbin:";
  for (size_t start = 0, end; (end = path.find(':', start)) != std::string::npos; start = end + 1) {
    if (end == start) continue;
    const std::string candidate = path.substr(start, end - start) + "/" + name;
    struct stat info;
    if (stat(candidate.c_str(), &info) == 0 && S_ISREG(info.st_mode) &&
        access(candidate.c_str(), X_OK) == 0) {
      return candidate;
    }
  }
  return "";
}

absl::StatusOr<ChildProcess> ChildProcess::Start(const Command& command) {
  std::string path = FindProgram(command.arguments[0]);
  if (path.empty()) {
    return absl::NotFoundError(absl::StrCat("there is no program ", command.arguments[0]));
  }
  // As we see it: the child looks from another directory.
  if (!command.directory.empty()) path = std::filesystem::absolute(path);
  if (command.descriptors.size() > 16) return Failure("too many descriptors for a command");
  int high = 10;
  for (const auto& [ours, theirs] : command.descriptors) high = std::max({high, theirs + 1});
  const std::vector<std::string> environment = Environment(command);
  const std::vector<char*> argv = Pointers(command.arguments);
  const std::vector<char*> envp = Pointers(environment);
  int pipe_fds[2];
  if (pipe2(pipe_fds, O_CLOEXEC) != 0) return ErrnoFailure("cannot make a pipe", errno);
  UniqueFd read_end(pipe_fds[0]);
  UniqueFd write_end(pipe_fds[1]);
  // The pipe tells an exec that failed from one that did not: it is closed on exec.
  const int report = fcntl(write_end.get(), F_DUPFD_CLOEXEC, high + 32);
  if (report < 0) return ErrnoFailure("cannot make a pipe", errno);
  write_end.reset(report);

  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid < 0) return ErrnoFailure(absl::StrCat("cannot start ", path), errno);
  if (pid == 0) {
    BecomeCommand(command, parent, path.c_str(), argv.data(), envp.data(), high);
    const int error = errno;
    [[maybe_unused]] const ssize_t n = write(report, &error, sizeof(error));
    _exit(125);
  }
  UniqueFd pidfd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  ChildProcess child(pid, std::move(pidfd));
  write_end.reset();
  int error = 0;
  ssize_t n;
  do {
    n = read(read_end.get(), &error, sizeof(error));
  } while (n < 0 && errno == EINTR);
  if (n == sizeof(error)) {
    child.Wait();
    const std::string what = absl::StrCat("cannot start ", path);
    if (error == ENOENT) return absl::NotFoundError(absl::StrCat(what, ": ", strerror(error)));
    return ErrnoFailure(what, error);
  }
  if (!child.pidfd_.valid()) {
    return Failure("this kernel has no pidfd_open(2); Linux 5.3 or later is needed");
  }
  return child;
}

ChildProcess::ChildProcess(ChildProcess&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      pidfd_(std::move(other.pidfd_)),
      status_(std::exchange(other.status_, std::nullopt)) {}

ChildProcess::~ChildProcess() {
  if (pid_ < 0 || status_.has_value()) return;
  Signal(SIGKILL);
  Wait();
}

void ChildProcess::Signal(int signal) {
  // Not yet reaped, so the number is still this child's.
  if (pid_ > 0 && !status_.has_value()) kill(pid_, signal);
}

int ChildProcess::Wait() {
  if (status_.has_value()) return *status_;
  int status = 0;
  while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  status_ = status;
  return status;
}

std::optional<int> ChildProcess::Poll() {
  if (status_.has_value()) return status_;
  int status = 0;
  if (waitpid(pid_, &status, WNOHANG) == pid_) status_ = status;
  return status_;
}

absl::StatusOr<CommandResult> RunCommand(Command command, const RunContext& context) {
  int out[2];
  int err[2];
  if (pipe2(out, O_CLOEXEC) != 0) return ErrnoFailure("cannot make a pipe", errno);
  UniqueFd out_read(out[0]);
  UniqueFd out_write(out[1]);
  if (pipe2(err, O_CLOEXEC) != 0) return ErrnoFailure("cannot make a pipe", errno);
  UniqueFd err_read(err[0]);
  UniqueFd err_write(err[1]);
  command.descriptors.emplace_back(out_write.get(), STDOUT_FILENO);
  command.descriptors.emplace_back(err_write.get(), STDERR_FILENO);
  BULKHEAD_ASSIGN_OR_RETURN(ChildProcess child, ChildProcess::Start(command));
  out_write.reset();
  err_write.reset();

  CommandResult result;
  // The streams decide: they end with the child and with whatever it started.
  while (out_read.valid() || err_read.valid()) {
    pollfd fds[3] = {{out_read.get(), POLLIN, 0},
                     {err_read.get(), POLLIN, 0},
                     {context.signals != nullptr ? context.signals->fd() : -1, POLLIN, 0}};
    const int n = poll(fds, 3, context.progress != nullptr ? kTickMs : -1);
    if (context.progress != nullptr) context.progress->Tick();
    if (n <= 0) continue;
    if (fds[2].revents != 0) {
      if (const std::optional<int> signal = context.signals->Take()) {
        // A request first, so that it can clean up after itself; the destructor insists.
        child.Signal(SIGTERM);
        pollfd end = {child.pidfd(), POLLIN, 0};
        (void)poll(&end, 1, 2000);
        return Interrupted(*signal);
      }
    }
    if (fds[0].revents != 0 && !Drain(out_read.get(), &result.output)) out_read.reset();
    if (fds[1].revents != 0 && !Drain(err_read.get(), &result.errors)) err_read.reset();
  }
  result.status = child.Wait();
  return result;
}

}  // namespace bulkhead
