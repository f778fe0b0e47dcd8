// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "tests/wx/monitor.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "nlohmann/json.hpp"

namespace bulkhead {
namespace {

using Json = nlohmann::json;

constexpr int kPatienceMs = 120'000;

[[noreturn]] void Die(const std::string& what) {
  std::fprintf(stderr, "QEMU's monitor: %s\n", what.c_str());
  std::abort();
}

}  // namespace

Monitor::Monitor() {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0) Die("no socket");
  ours_ = ends[0];
  theirs_ = ends[1];
  fcntl(ours_, F_SETFD, FD_CLOEXEC);
}

Monitor::~Monitor() {
  close(ours_);
  if (theirs_ >= 0) close(theirs_);
}

std::vector<std::string> Monitor::QemuArguments() const {
  return {"-chardev", "socket,id=monitor,fd=" + std::to_string(theirs_), "-mon",
          "chardev=monitor,mode=control"};
}

std::string Monitor::ReadLine() {
  for (;;) {
    const size_t end = buffer_.find('\n');
    if (end != std::string::npos) {
      std::string line = buffer_.substr(0, end);
      buffer_.erase(0, end + 1);
      return line;
    }
    pollfd ready = {ours_, POLLIN, 0};
    if (poll(&ready, 1, kPatienceMs) != 1) Die("no answer");
    char chunk[4096];
    const ssize_t count = recv(ours_, chunk, sizeof(chunk), 0);
    if (count <= 0) Die("QEMU has ended");
    buffer_.append(chunk, static_cast<size_t>(count));
  }
}

std::string Monitor::Execute(const std::string& json) {
  const std::string line = json + "\n";
  if (send(ours_, line.data(), line.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(line.size())) {
    Die("QEMU has ended");
  }
  for (;;) {
    const Json answer = Json::parse(ReadLine());
    if (answer.contains("error")) Die(answer.dump());
    if (!answer.contains("return")) continue;  // an event
    return answer["return"].is_string() ? answer["return"].get<std::string>() : "";
  }
}

std::string Monitor::Run(const std::string& command) {
  if (!ready_) {
    close(theirs_);
    theirs_ = -1;
    ReadLine();  // the greeting
    Execute(R"({"execute": "qmp_capabilities"})");
    ready_ = true;
  }
  return Execute(
      Json{{"execute", "human-monitor-command"}, {"arguments", {{"command-line", command}}}}
          .dump());
}

}  // namespace bulkhead
