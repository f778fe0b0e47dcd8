// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "tests/harness/qemu_socket.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <utility>

namespace bulkhead {
namespace {

constexpr int kPatienceMs = 120'000;

}  // namespace

QemuSocket::QemuSocket(std::string name) : name_(std::move(name)) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0) Die("no socket");
  ours_ = ends[0];
  theirs_ = ends[1];
  fcntl(ours_, F_SETFD, FD_CLOEXEC);
}

QemuSocket::~QemuSocket() {
  close(ours_);
  if (theirs_ >= 0) close(theirs_);
}

std::vector<std::string> QemuSocket::QemuArguments() const {
  return {"-chardev", "socket,id=" + name_ + ",fd=" + std::to_string(theirs_)};
}

void QemuSocket::Die(const std::string& what) const {
  std::fprintf(stderr, "QEMU's %s: %s\n", name_.c_str(), what.c_str());
  std::abort();
}

void QemuSocket::Send(std::string_view bytes) {
  if (theirs_ >= 0) close(theirs_);
  theirs_ = -1;
  if (send(ours_, bytes.data(), bytes.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(bytes.size())) {
    Die("QEMU has ended");
  }
}

char QemuSocket::ReadByte() {
  if (used_ == buffer_.size()) {
    pollfd ready = {ours_, POLLIN, 0};
    if (poll(&ready, 1, kPatienceMs) != 1) Die("no answer");
    char chunk[4096];
    const ssize_t count = recv(ours_, chunk, sizeof(chunk), 0);
    if (count <= 0) Die("QEMU has ended");
    buffer_.assign(chunk, static_cast<size_t>(count));
    used_ = 0;
  }
  return buffer_[used_++];
}

}  // namespace bulkhead
