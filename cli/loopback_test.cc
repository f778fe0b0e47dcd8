// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "cli/loopback.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

namespace bulkhead {
namespace {

// Connects and stays.
UniqueFd Connect(uint16_t port) {
  UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  return fd;
}

TEST(LoopbackListener, TakesOnlyTheChild) {
  absl::StatusOr<LoopbackListener> listener = LoopbackListener::Create();
  ASSERT_TRUE(listener.ok()) << listener.status();
  EXPECT_FALSE(listener->Accept(getpid()).valid());

  const pid_t child = fork();
  if (child == 0) {
    const UniqueFd mine = Connect(listener->port());
    char byte;
    // Until the test ends it.
    _exit(read(mine.get(), &byte, 1) == 1 ? byte : 1);
  }
  pollfd ready = {listener->fd(), POLLIN, 0};
  ASSERT_EQ(poll(&ready, 1, 10'000), 1);
  // We are not the child, though there is a connection.
  const UniqueFd stranger = Connect(listener->port());
  UniqueFd first = listener->Accept(child);
  UniqueFd second = listener->Accept(child);
  EXPECT_TRUE(first.valid() != second.valid());
  const UniqueFd taken(std::move(first.valid() ? first : second));
  EXPECT_EQ(send(taken.get(), "\x05", 1, MSG_NOSIGNAL), 1);
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(WEXITSTATUS(status), 5);
}

}  // namespace
}  // namespace bulkhead
