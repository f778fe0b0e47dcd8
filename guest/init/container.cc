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

#include "guest/init/files.h"

namespace bulkhead {
namespace {

constexpr char kCrun[] = "/usr/bin/crun";
constexpr char kLog[] = "/run/bulkhead/crun.log";
constexpr char kPidFile[] = "/run/bulkhead/container.pid";

// Becomes crun. Only what is safe between fork and exec; the caller has one thread.
[[noreturn]] void ExecCrun(const char* bundle, int in, int out, int err) {
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  signal(SIGPIPE, SIG_DFL);
  if (dup2(in, 0) == 0 && dup2(out, 1) == 1 && dup2(err, 2) == 2) {
    // Detached, crun ends once the container's process runs, and leaves that process to init: there
    // is nothing between the two that could distort a signal or an exit status.
    const char* const argv[] = {
        "crun",      "--root",   "/run/crun",        "--log",      kLog,     "--log-format", "json",
        "run",       "--detach", "--no-new-keyring", "--pid-file", kPidFile, "--bundle",     bundle,
        "container", nullptr};
    const char* const envp[] = {"PATH=/usr/bin:/bin", nullptr};
    execve(kCrun, const_cast<char* const*>(argv), const_cast<char* const*>(envp));
  }
  _exit(125);
}

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

MaybeFailure StartContainer(const char* bundle, Container* out) {
  int in[2], so[2], se[2];
  if (pipe2(in, O_CLOEXEC) != 0 || pipe2(so, O_CLOEXEC) != 0 || pipe2(se, O_CLOEXEC) != 0) {
    return ErrnoFailure("cannot make pipes");
  }
  const pid_t crun = fork();
  if (crun < 0) return ErrnoFailure("cannot start crun");
  if (crun == 0) ExecCrun(bundle, in[0], so[1], se[1]);
  close(in[0]);
  close(so[1]);
  close(se[1]);

  // Only crun is waited for: should the container's process end first, it stays a zombie until
  // somebody asks for its status.
  int status = 0;
  while (waitpid(crun, &status, 0) < 0) {
    if (errno != EINTR) return ErrnoFailure("cannot wait for crun");
  }
  std::string text;
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    (void)ReadFile(kLog, 64 * 1024, &text);
    return FailureFromCrunLog(text, status);
  }
  if (!ReadFile(kPidFile, 32, &text)) return InternalFailure("crun left no process number");
  out->pid = static_cast<pid_t>(std::strtol(text.c_str(), nullptr, 10));
  if (out->pid <= 1) return InternalFailure("crun left no process number");
  out->stdin_fd = in[1];
  out->stdout_fd = so[0];
  out->stderr_fd = se[0];
  for (const int fd : {in[1], so[0], se[0]}) fcntl(fd, F_SETFL, O_NONBLOCK);
  return {};
}

}  // namespace bulkhead
