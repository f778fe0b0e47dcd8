// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "tests/harness/machine_process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace bulkhead {
namespace {

using Clock = std::chrono::steady_clock;

// Drops carriage returns and the escape sequences (ECMA-48, 5.4) of a firmware's console.
std::string PlainText(std::string_view raw) {
  std::string text;
  for (size_t i = 0; i < raw.size(); ++i) {
    if (raw[i] == '\r') continue;
    if (raw[i] == '\x1b') {
      if (i + 1 < raw.size() && raw[i + 1] == '[') {
        i += 2;
        while (i < raw.size() && (raw[i] < '@' || raw[i] > '~')) ++i;
      }
      continue;
    }
    text.push_back(raw[i]);
  }
  return text;
}

// Appends what can be read without waiting; closes the pipe at its end.
void Drain(int& pipe, std::string& to) {
  std::array<char, 65536> buffer;
  for (;;) {
    const ssize_t count = read(pipe, buffer.data(), buffer.size());
    if (count > 0) {
      to.append(buffer.data(), static_cast<size_t>(count));
    } else if (count < 0 && errno == EINTR) {
      continue;
    } else if (count < 0 && errno == EAGAIN) {
      return;
    } else {
      close(pipe);
      pipe = -1;
      return;
    }
  }
}

}  // namespace

MachineProcess::~MachineProcess() { Kill(); }

void MachineProcess::Start(const std::vector<std::string>& arguments, int serial,
                           const std::string& directory) {
  std::vector<char*> argv;
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  int out[2];
  int err[2];
  if (pipe2(out, O_CLOEXEC) != 0 || pipe2(err, O_CLOEXEC) != 0) std::abort();
  const pid_t parent = getpid();
  pid_ = fork();
  if (pid_ < 0) std::abort();
  if (pid_ == 0) {
    // Whatever happens to the test program, the machine does not outlive it.
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(127);
    const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    dup2(null, STDIN_FILENO);
    dup2(null, STDOUT_FILENO);
    dup2(err[1], STDERR_FILENO);
    // By way of a copy: the pipe's own end may be at that number, and would be closed.
    dup2(fcntl(out[1], F_DUPFD_CLOEXEC, 100), serial);
    // QEMU's virtual FAT makes its files there; /var/tmp may be read-only.
    setenv("TMPDIR", directory_.path().c_str(), 1);
    if (chdir(directory.c_str()) == 0) execvp(argv[0], argv.data());
    const std::string message = "cannot run " + arguments[0] + ": " + std::strerror(errno) + "\n";
    [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, message.data(), message.size());
    _exit(127);
  }
  close(out[1]);
  close(err[1]);
  serial_pipe_ = out[0];
  errors_pipe_ = err[0];
  fcntl(serial_pipe_, F_SETFL, O_NONBLOCK);
  fcntl(errors_pipe_, F_SETFL, O_NONBLOCK);
}

bool MachineProcess::Pump(Clock::time_point until) {
  if (serial_pipe_ < 0 && errors_pipe_ < 0) return false;
  const auto left = std::chrono::duration_cast<Duration>(until - Clock::now()).count();
  // poll ignores negative descriptors.
  std::array<pollfd, 2> waits = {{{serial_pipe_, POLLIN, 0}, {errors_pipe_, POLLIN, 0}}};
  poll(waits.data(), waits.size(), static_cast<int>(std::max<int64_t>(left, 0)));
  if (waits[0].revents != 0) Drain(serial_pipe_, serial_);
  if (waits[1].revents != 0) Drain(errors_pipe_, errors_);
  return serial_pipe_ >= 0 || errors_pipe_ >= 0;
}

void MachineProcess::Reap() {
  if (pid_ <= 0) return;
  int status = 0;
  while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  exit_status_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  pid_ = -1;
}

void MachineProcess::Kill() {
  if (pid_ > 0) kill(pid_, SIGKILL);
  Reap();
  if (serial_pipe_ >= 0) Drain(serial_pipe_, serial_);
  if (errors_pipe_ >= 0) Drain(errors_pipe_, errors_);
}

testing::AssertionResult MachineProcess::RunToEnd(Duration deadline) {
  const auto until = Clock::now() + deadline;
  while (Pump(until)) {
    if (Clock::now() >= until) {
      Kill();
      return Failure(std::string(name_) + " still ran at the deadline");
    }
  }
  Reap();
  return testing::AssertionSuccess();
}

testing::AssertionResult MachineProcess::RunUntilSerial(std::string_view text, Duration deadline) {
  const auto until = Clock::now() + deadline;
  bool more = true;
  while (serial().find(text) == std::string::npos) {
    if (!more) {
      Reap();
      return Failure(std::string(name_) + " ended before the UART said '" + std::string(text) +
                     "'");
    }
    if (Clock::now() >= until) {
      return Failure("the deadline passed before the UART said '" + std::string(text) + "'");
    }
    more = Pump(until);
  }
  return testing::AssertionSuccess();
}

std::string MachineProcess::serial() const { return PlainText(serial_); }

testing::AssertionResult MachineProcess::Failure(std::string_view what) const {
  return testing::AssertionFailure() << what << "\n--- UART\n"
                                     << serial() << "\n--- " << name_ << "\n"
                                     << errors_ << "\n---";
}

testing::AssertionResult SerialContains(const MachineProcess& machine, std::string_view text) {
  const std::string serial = machine.serial();
  if (serial.find(text) != std::string::npos) return testing::AssertionSuccess();
  return testing::AssertionFailure() << "the UART did not say '" << text << "'\n--- UART\n"
                                     << serial << "\n--- " << machine.name() << "\n"
                                     << machine.errors() << "\n---";
}

}  // namespace bulkhead
