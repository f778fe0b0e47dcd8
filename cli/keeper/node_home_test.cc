// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "cli/keeper/node_home.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

#include "cli/files.h"

namespace bulkhead {
namespace {

class NodeHomeTest : public testing::Test {
 protected:
  NodeHomeTest() { setenv("XDG_RUNTIME_DIR", directory_.path().c_str(), 1); }

  TempDir directory_ = *TempDir::Create();
  UniqueFd connection_;
};

TEST_F(NodeHomeTest, NamesAreLabels) {
  for (const char* name : {"node", "a", "0", "a-b-1"}) EXPECT_TRUE(CheckNodeName(name).ok());
  for (const char* name : {"", "-a", "a-", "A", "a.b", "a/b", ".."}) {
    EXPECT_FALSE(CheckNodeName(name).ok()) << name;
  }
  EXPECT_FALSE(CheckNodeName(std::string(64, 'a')).ok());
}

TEST_F(NodeHomeTest, OneHasTheNameUntilItGoes) {
  EXPECT_EQ(*ConnectToNode("node", &connection_), NodePresence::kNone);
  {
    const auto home = NodeHome::Claim("node");
    ASSERT_TRUE(home.ok()) << home.status();
    const auto second = NodeHome::Claim("node");
    EXPECT_NE(second.status().message().find("bulkhead down"), std::string::npos);
    EXPECT_EQ(*ConnectToNode("node", &connection_), NodePresence::kStarting);
    const auto listener = home->Listen();
    ASSERT_TRUE(listener.ok()) << listener.status();
    EXPECT_EQ(*ConnectToNode("node", &connection_), NodePresence::kKept);
    EXPECT_TRUE(NodeHome::Claim("other").ok());
    EXPECT_EQ(*NodeNames(), std::vector<std::string>({"node"}));
  }
  EXPECT_TRUE(NodeNames()->empty());
}

TEST_F(NodeHomeTest, WhatAKilledOneLeftIsRemoved) {
  const pid_t child = fork();
  if (child == 0) {
    const auto home = NodeHome::Claim("node");
    const auto listener = home->Listen();
    _exit(home.ok() && listener.ok() ? 0 : 1);  // without a destructor
  }
  int status = 1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_EQ(status, 0);
  EXPECT_EQ(NodeNames()->size(), 1u);
  EXPECT_EQ(*ConnectToNode("node", &connection_), NodePresence::kGone);
  EXPECT_EQ(*ConnectToNode("node", &connection_), NodePresence::kNone);
  EXPECT_TRUE(NodeHome::Claim("node").ok());
}

TEST_F(NodeHomeTest, OnlyADirectoryOfOurOwn) {
  ASSERT_TRUE(RuntimeDirectory().ok());
  const std::string path = directory_.path() + "/bulkhead";
  chmod(path.c_str(), 0770);
  EXPECT_NE(RuntimeDirectory().status().message().find("yours alone"), std::string::npos);
  rmdir(path.c_str());
  ASSERT_EQ(symlink("/tmp", path.c_str()), 0);
  EXPECT_FALSE(RuntimeDirectory().ok());
}

}  // namespace
}  // namespace bulkhead
