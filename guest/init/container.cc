// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "guest/init/container.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "guest/init/files.h"

namespace bulkhead {
namespace {

constexpr char kCrun[] = "/usr/bin/crun";
constexpr char kState[] = "/run/crun";
constexpr char kLog[] = "/run/bulkhead/crun.log";
constexpr char kPidFile[] = "/run/bulkhead/container.pid";

using Words = std::vector<const char*>;

// Becomes crun with these words, which end with a null. Only what is safe between fork and exec;
// the caller has one thread.
[[noreturn]] void ExecCrun(const Words& words, int in, int out, int err) {
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  signal(SIGPIPE, SIG_DFL);
  if (dup2(in, 0) == 0 && dup2(out, 1) == 1 && dup2(err, 2) == 2) {
    const char* const envp[] = {"PATH=/usr/bin:/bin", nullptr};
    execve(kCrun, const_cast<char* const*>(words.data()), const_cast<char* const*>(envp));
  }
  _exit(125);
}

// Only crun is waited for: should the container's process end first, it stays a zombie until
// somebody asks for its status.
MaybeFailure WaitForCrun(pid_t crun, int* status) {
  while (waitpid(crun, status, 0) < 0) {
    if (errno != EINTR) return ErrnoFailure("cannot wait for crun");
  }
  return {};
}

// A pipe's ends, closed at the end unless they have been taken.
struct Pipe {
  Pipe() = default;
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  ~Pipe() {
    for (const int fd : ends) {
      if (fd >= 0) close(fd);
    }
  }
  bool Make() { return pipe2(ends, O_CLOEXEC) == 0; }
  // An end of it, non-blocking, for whoever owns it from now on.
  int Take(int end) {
    fcntl(ends[end], F_SETFL, O_NONBLOCK);
    return std::exchange(ends[end], -1);
  }

  int ends[2] = {-1, -1};  // for reading, for writing
};

bool Contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

// The text of the last "msg" member in a log of JSON objects, unescaped as far as crun escapes.
std::string LastMessage(std::string_view log) {
  const std::string_view kKey = "\"msg\"";
  const size_t key = log.rfind(kKey);
  if (key == std::string_view::npos) return "";
  const size_t quote = log.find('"', key + kKey.size());
  if (quote == std::string_view::npos) return "";
  std::string text;
  for (size_t i = quote + 1; i < log.size() && log[i] != '"'; ++i) {
    char c = log[i];
    if (c == '\\' && i + 1 < log.size()) {
      c = log[++i];
      if (c == 'n' || c == 't' || c == 'r') c = ' ';
    }
    text.push_back(c);
  }
  return text;
}

// A set of signals in /proc/PID/status (proc(5)): signal N is bit N - 1. Empty if it is not there.
uint64_t SignalSet(std::string_view status, std::string_view name) {
  const std::string key = "\n" + std::string(name) + ":\t";
  const size_t at = status.find(key);
  if (at == std::string_view::npos) return 0;
  return std::strtoull(std::string(status.substr(at + key.size(), 16)).c_str(), nullptr, 16);
}

}  // namespace

bool SignalLeftAtDefault(std::string_view status, int signal) {
  const uint64_t handled =
      SignalSet(status, "SigBlk") | SignalSet(status, "SigIgn") | SignalSet(status, "SigCgt");
  return (handled >> (signal - 1) & 1) == 0;
}

Failure FailureFromCrunLog(std::string_view log, int status) {
  std::string text = LastMessage(log);
  if (text.empty()) {
    text = WIFSIGNALED(status) ? "killed by signal " + std::to_string(WTERMSIG(status))
                               : "exit status " + std::to_string(WEXITSTATUS(status));
    return InternalFailure("the container runtime (crun) failed: " + text);
  }
  const bool command = Contains(text, "executable file") ||
                       Contains(text, "exec container process") ||
                       Contains(text, "open executable");
  if (!command) return InternalFailure("crun: " + text);
  const bool absent = Contains(text, "No such file or directory") || Contains(text, "not found");
  return Failure{
      absent && !Contains(text, "Permission denied") ? kStatusNotFound : kStatusNotExecutable,
      "crun: " + text};
}

MaybeFailure StartContainer(const std::string& id, const std::string& bundle, bool has_stdin,
                            Container* out) {
  Pipe in, so, se;
  if ((has_stdin && !in.Make()) || !so.Make() || !se.Make()) {
    return ErrnoFailure("cannot make pipes");
  }
  // Another start's words must not be taken for this one's.
  (void)unlink(kLog);
  // Detached, crun ends once the container's process runs, and leaves that process to init: there
  // is nothing between the two that could distort a signal or an exit status.
  const Words words = {"crun",     "--root",           kState,       "--log",
                       kLog,       "--log-format",     "json",       "run",
                       "--detach", "--no-new-keyring", "--pid-file", kPidFile,
                       "--bundle", bundle.c_str(),     id.c_str(),   nullptr};
  const pid_t crun = fork();
  if (crun < 0) return ErrnoFailure("cannot start crun");
  // Without a pipe, descriptor 0: /dev/null.
  if (crun == 0) ExecCrun(words, has_stdin ? in.ends[0] : 0, so.ends[1], se.ends[1]);

  int status = 0;
  BULKHEAD_RETURN_IF_FAILED(WaitForCrun(crun, &status));
  std::string text;
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    (void)ReadFile(kLog, 64 * 1024, &text);
    return FailureFromCrunLog(text, status);
  }
  if (!ReadFile(kPidFile, 32, &text)) return InternalFailure("crun left no process number");
  out->pid = static_cast<pid_t>(std::strtol(text.c_str(), nullptr, 10));
  if (out->pid <= 1) return InternalFailure("crun left no process number");
  if (has_stdin) out->stdin_fd = in.Take(1);
  out->stdout_fd = so.Take(0);
  out->stderr_fd = se.Take(0);
  return {};
}

void DeleteContainer(const std::string& id) {
  const Words words = {"crun", "--root", kState, "delete", "--force", id.c_str(), nullptr};
  const pid_t crun = fork();
  if (crun == 0) ExecCrun(words, 0, 0, 0);
  int status;
  if (crun > 0) (void)WaitForCrun(crun, &status);
}

}  // namespace bulkhead
