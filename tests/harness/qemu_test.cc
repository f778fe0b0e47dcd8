// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// The harness itself, with small programs in QEMU's place.

#include "tests/harness/qemu.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>

#include <cerrno>
#include <chrono>
#include <filesystem>
#include <memory>
#include <string>

namespace bulkhead {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// A program that ignores QEMU's arguments.
std::string Script(const TempDirectory& directory, std::string_view body) {
  const std::string path = directory / "qemu";
  WriteFileOrDie(path, "#!/bin/sh\n" + std::string(body) + "\n");
  chmod(path.c_str(), 0755);
  return path;
}

TEST(Qemu, SeesTheEnd) {
  const TempDirectory directory;
  QemuMachine machine(
      {.program = Script(directory, "printf 'a\\r\\n\\033[1mb'; echo c >&2; exit 7")});
  EXPECT_TRUE(machine.RunToEnd(seconds(30)));
  EXPECT_EQ(machine.serial(), "a\nb");
  EXPECT_EQ(machine.errors(), "c\n");
  EXPECT_EQ(machine.exit_status(), 7);
  EXPECT_FALSE(machine.running());
  EXPECT_TRUE(SerialContains(machine, "b"));
  EXPECT_FALSE(SerialContains(machine, "c"));
}

TEST(Qemu, KillsAtTheDeadline) {
  const TempDirectory directory;
  QemuMachine machine({.program = Script(directory, "echo started; exec sleep 1000")});
  ASSERT_TRUE(machine.RunUntilSerial("started", seconds(30)));
  const pid_t pid = machine.pid();
  EXPECT_FALSE(machine.RunToEnd(milliseconds(10)));
  EXPECT_EQ(machine.exit_status(), 128 + SIGKILL);
  EXPECT_EQ(kill(pid, 0), -1);
  EXPECT_EQ(errno, ESRCH);
}

TEST(Qemu, SaysWhenTheTextNeverComes) {
  const TempDirectory directory;
  QemuMachine machine({.program = Script(directory, "echo something else")});
  EXPECT_FALSE(machine.RunUntilSerial("the text", seconds(30)));
  EXPECT_EQ(machine.exit_status(), 0);
}

TEST(Qemu, SaysWhenItCannotStart) {
  QemuMachine machine({.program = "/nonexistent/qemu"});
  EXPECT_TRUE(machine.RunToEnd(seconds(30)));
  EXPECT_EQ(machine.exit_status(), 127);
  EXPECT_EQ(machine.errors(), "cannot run /nonexistent/qemu: No such file or directory\n");
}

TEST(Qemu, RemovesItsDirectory) {
  const TempDirectory directory;
  auto machine = std::make_unique<QemuMachine>(
      QemuOptions{.program = Script(directory, "echo x > \"$TMPDIR/file\"")});
  EXPECT_TRUE(machine->RunToEnd(seconds(30)));
  const std::string path = machine->directory().path();
  EXPECT_EQ(ReadFileOrDie(path + "/file"), "x\n");
  machine.reset();
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(Qemu, PassesItsOptions) {
  QemuMachine machine({.kernel = "k", .initrd = "i", .append = "a b", .program = "echo"});
  EXPECT_TRUE(machine.RunToEnd(seconds(30)));
  EXPECT_TRUE(SerialContains(machine, "-kernel k -initrd i -append a b"));
  EXPECT_TRUE(SerialContains(machine, "-m 512 "));
}

}  // namespace
}  // namespace bulkhead
