// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// Real crashes, of a process and of the hypervisor: the log has registers, a backtrace and the
// trace, and tools/symbolize names functions, files and lines.

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <regex>
#include <string>
#include <vector>

#include "boot/testing/bundle_writer.h"
#include "tests/harness/gdb_stub.h"
#include "tests/harness/node.h"
#include "tests/harness/symbols.h"

namespace bulkhead {
namespace {

constexpr std::chrono::seconds kDeadline(120);
constexpr char kCrasherElf[] = "tests/crash/crasher_x86_64.elf";
constexpr char kHypervisorElf[] = "hypervisor/hypervisor_x86_64.elf";
constexpr char kSupervisorElf[] = "control/supervisor_x86_64.elf";
constexpr char kVmmElf[] = "vmm/vmm_x86_64.elf";

testing::AssertionResult Has(const std::string& log, const std::string& pattern) {
  if (std::regex_search(log, std::regex(pattern))) return testing::AssertionSuccess();
  return testing::AssertionFailure() << "nothing matches '" << pattern << "' in\n" << log;
}

// Frame `number` of a symbolized backtrace. Functions of the anonymous namespace have their short
// names in it, others their full ones.
std::string Frame(int number, const std::string& function, const std::string& file) {
  return "#" + std::to_string(number) + " +0x[0-9a-f]{16} [^\n]*" + function + "[^\n]*  " + file +
         ":[1-9]";
}

std::string Symbolized(const TestNode& node, const char* vmm) {
  return Symbolize(node.machine().serial(),
                   {std::string("--hypervisor ") + kHypervisorElf,
                    std::string("--supervisor ") + kSupervisorElf, std::string("--vmm ") + vmm});
}

constexpr char kRegisters[] =
    "bulkhead: rax [0-9a-fx]+ rbx [0-9a-fx]+ rcx [0-9a-fx]+ rdx [0-9a-fx]+\n"
    "bulkhead: rsi [0-9a-fx]+ rdi [0-9a-fx]+ rbp [0-9a-fx]+ rsp [0-9a-fx]+\n"
    "bulkhead: r8  [0-9a-fx]+ r9  [0-9a-fx]+ r10 [0-9a-fx]+ r11 [0-9a-fx]+\n"
    "bulkhead: r12 [0-9a-fx]+ r13 [0-9a-fx]+ r14 [0-9a-fx]+ r15 [0-9a-fx]+\n"
    "bulkhead: rip [0-9a-fx]+ flg [0-9a-fx]+ err [0-9a-fx]+ cr2 [0-9a-fx]+\n";

// What a process's crash leaves in the symbolized log, from its first line on.
std::string ReportOf(const std::string& log, const std::string& pod) {
  std::smatch match;
  if (!std::regex_search(log, match,
                         std::regex("bulkhead: process ([0-9]+) is vmm " + pod + "\n"))) {
    return "";
  }
  const size_t start = log.find("bulkhead: process " + match[1].str() + " ended: ");
  if (start == std::string::npos) return "";
  const size_t end =
      std::min(log.find("bulkhead: process ", start + 1), log.find("bulkhead: memory: ", start));
  return log.substr(start, end - start);
}

struct UserCrash {
  std::string how;
  int vector;
  std::string first_line;           // of the report, after "process N ended: "
  std::vector<std::string> frames;  // innermost first
};

const std::vector<UserCrash>& UserCrashes() {
  static const auto& all = *new std::vector<UserCrash>{
      {"read", 14, "page fault at 0x8[0-9a-f]{5}, address 0x18\n", {"ReadStatus", "Crash"}},
      {"write-text", 14, "page fault at 0x8[0-9a-f]{5}, address 0x8", {"WriteText", "Crash"}},
      // The innermost is data, which has no name; and whoever jumps there has not been left by way
      // of a frame.
      {"run-data", 14, "page fault at (0x8[0-9a-f]{5}), address \\1\n", {"", "Crash"}},
      {"divide", 0, "divide error at ", {"Divide", "Crash"}},
      {"undefined", 6, "invalid opcode at ", {"UndefinedInstruction", "Crash"}},
      {"privileged", 13, "general protection at ", {"PrivilegedInstruction", "Crash"}},
      {"non-canonical", 13, "general protection at ", {"ReadStatus", "ReadNonCanonical", "Crash"}},
      {"hypervisor",
       14,
       "page fault at 0x8[0-9a-f]{5}, address 0xffffffff80000018\n",
       {"ReadStatus", "ReadHypervisor", "Crash"}},
      {"stack", 14, "page fault at ", {"Recurse", "Recurse", "Recurse", "Recurse"}},
      {"frame-in-hypervisor", 6, "invalid opcode at ", {"LoseFrame"}},
      {"frame-unaligned", 6, "invalid opcode at ", {"LoseFrame"}},
      {"frame-loop", 6, "invalid opcode at ", {"FrameLoop", ""}},
  };
  return all;
}

std::string CrasherBundle() {
  constexpr size_t kPage = 4096;
  BundleWriter writer;
  writer.Add("supervisor", ReadFileOrDie(kSupervisorElf), 0100644, kPage);
  writer.Add("vmm", ReadFileOrDie(kCrasherElf), 0100644, kPage);
  const auto add = [&writer](const std::string& pod) {
    const std::string path = "pods/" + pod + "/";
    writer.Add(path + "pod", "version=1\nmemory=65536\ncpus=1\ncmdline=" + pod + "\n");
    writer.Add(path + "kernel", "not looked at", 0100644, kPage);
  };
  for (const UserCrash& crash : UserCrashes()) add(crash.how);
  add("live");
  return writer.Finish();
}

TEST(Crash, OfProcesses) {
  TestNode node({.bundle = CrasherBundle()});
  const auto live = static_cast<uint16_t>(UserCrashes().size());
  ASSERT_TRUE(node.RunUntil([&] {
    for (uint16_t i = 0; i < live; ++i) {
      if (!node.pod(i).end.has_value()) return false;
    }
    return true;
  }));
  // They ended alone.
  EXPECT_FALSE(node.pod(live).end.has_value()) << node.pod(live).reason;
  node.Send(NodeFrameType::kPodStop, live);
  ASSERT_TRUE(node.RunToEnd());
  EXPECT_EQ(node.pod(live).end, PodEnd::kStopped);
  EXPECT_EQ(node.node_error(), "");
  EXPECT_TRUE(SerialContains(node.machine(), "bulkhead: node ends\n"));
  EXPECT_EQ(node.machine().exit_status(), 0);

  const std::string log = Symbolized(node, kCrasherElf);
  for (uint16_t i = 0; i < live; ++i) {
    const UserCrash& crash = UserCrashes()[i];
    SCOPED_TRACE(crash.how);
    EXPECT_EQ(node.pod(i).end, PodEnd::kVmmFailed);
    EXPECT_TRUE(node.pod(i).reason.starts_with("its VMM ended with fault " +
                                               std::to_string(crash.vector) + " at address 0x"))
        << node.pod(i).reason;
    const std::string report = ReportOf(log, crash.how);
    EXPECT_TRUE(Has(report, "^bulkhead: process [0-9]+ ended: " + crash.first_line));
    EXPECT_TRUE(Has(report, kRegisters));
    for (size_t f = 0; f < crash.frames.size(); ++f) {
      if (crash.frames[f].empty()) continue;
      EXPECT_TRUE(
          Has(report, Frame(static_cast<int>(f), crash.frames[f], "tests/crash/crasher.cc")));
    }
    if (crash.frames.back() == "Crash") {
      const auto caller = static_cast<int>(crash.frames.size());
      EXPECT_TRUE(Has(report, Frame(caller, "ProgramMain", "tests/crash/crasher.cc")));
      EXPECT_TRUE(Has(report, Frame(caller + 1, "RuntimeStart", "runtime/runtime.cc")));
    }
    EXPECT_TRUE(Has(report, "bulkhead: trace [0-9]+ call process_control 0x"));
    EXPECT_TRUE(Has(report, "bulkhead: trace [0-9]+ fault [^\n]*\n$"));
  }
}

// The machine stands at `function`, which `program` calls while its pods run, and will find
// `value` in `argument`.
void CrashAt(GdbStub& gdb, const char* program, const char* function, GdbRegister argument,
             uint64_t value) {
  gdb.Interrupt();
  gdb.RunTo(FunctionAddress(program, function));
  EXPECT_EQ(gdb.ReadRegister(GdbRegister::kRip), FunctionAddress(program, function));
  gdb.WriteRegister(argument, value);
  EXPECT_EQ(gdb.ReadRegister(argument), value);
  gdb.Detach();
}

class RunningNode : public testing::Test {
 protected:
  // Pods that keep node, VMMs and supervisor busy.
  RunningNode()
      : node_({.pods = {{.name = "chatter", .cmdline = "testguest.mode=chatter"},
                        {.name = "other", .cmdline = "testguest.mode=chatter"}},
               .qemu_arguments = gdb_.QemuArguments()}) {}

  void SetUp() override {
    ASSERT_TRUE(node_.RunUntil(
        [&] { return node_.pod(0).console.size() > 100 && node_.pod(1).console.size() > 100; }));
  }

  GdbStub gdb_;
  TestNode node_;
};

TEST_F(RunningNode, HypervisorCrashes) {
  // Block(Node&, Thread&, ...)
  CrashAt(gdb_, kHypervisorElf,
          "bulkhead::Block(bulkhead::Node&, bulkhead::Thread&, bulkhead::ThreadQueue*, "
          "bulkhead::Object*, unsigned long)",
          GdbRegister::kRsi, 0x1000);
  ASSERT_TRUE(node_.machine().RunToEnd(kDeadline));
  const std::string log = Symbolized(node_, kVmmElf);
  EXPECT_TRUE(Has(log, "bulkhead: crash: page fault in the hypervisor\n"));
  EXPECT_TRUE(Has(log, kRegisters));
  EXPECT_TRUE(Has(log, "bulkhead: rsi 0x0000000000001000 "));
  EXPECT_TRUE(Has(log, " cr2 0x00000000000010[0-9a-f]{2}\n"));
  EXPECT_TRUE(Has(log, Frame(0, "bulkhead::Block\\(", "hypervisor/objects.cc")));
  EXPECT_TRUE(Has(log, Frame(1, "Calls::EventWait\\(", "hypervisor/calls_ipc.cc")));
  EXPECT_TRUE(Has(log, Frame(2, "HandleCall\\(", "hypervisor/dispatch.cc")));
  EXPECT_TRUE(Has(log, Frame(3, "HandleCallEntry", "arch/x86_64/traps.cc")));
  EXPECT_TRUE(Has(log, Frame(4, "SyscallEntry", "arch/x86_64/entry.S")));
  EXPECT_TRUE(Has(log, "bulkhead: trace [0-9]+ exit 1 0x"));
  EXPECT_TRUE(Has(log,
                  "bulkhead: trace [0-9]+ call event_wait 0x[^\n]*\n"
                  "bulkhead: fatal: the hypervisor crashed; the lines above say where\n$"));
}

// Not even the exception can be delivered where the hypervisor is.
TEST_F(RunningNode, HypervisorLosesItsStack) {
  CrashAt(gdb_, kHypervisorElf,
          "bulkhead::Block(bulkhead::Node&, bulkhead::Thread&, bulkhead::ThreadQueue*, "
          "bulkhead::Object*, unsigned long)",
          GdbRegister::kRsp, 0x1000);
  ASSERT_TRUE(node_.machine().RunToEnd(kDeadline));
  const std::string log = Symbolized(node_, kVmmElf);
  EXPECT_TRUE(Has(log, "bulkhead: crash: double fault in the hypervisor\n"));
  EXPECT_TRUE(Has(log, kRegisters));
  EXPECT_TRUE(Has(log, " rsp 0x0000000000001000\n"));
  EXPECT_TRUE(Has(log, Frame(0, "bulkhead::Block\\(", "hypervisor/objects.cc")));
  EXPECT_TRUE(Has(log, Frame(1, "HandleCall\\(", "hypervisor/dispatch.cc")));
  EXPECT_TRUE(Has(log, "bulkhead: trace [0-9]+ call event_wait 0x"));
  EXPECT_TRUE(Has(log, "bulkhead: fatal: the hypervisor crashed; the lines above say where\n$"));
}

TEST_F(RunningNode, SupervisorCrashes) {
  CrashAt(gdb_, kSupervisorElf,
          "bulkhead::NodeChannel::Send(bulkhead::NodeFrameType, unsigned short, "
          "std::__1::span<std::byte const, 18446744073709551615ul>)",
          GdbRegister::kRsp, 0x1000);
  ASSERT_TRUE(node_.machine().RunToEnd(kDeadline));
  const std::string log = Symbolized(node_, kVmmElf);
  EXPECT_TRUE(Has(log, "bulkhead: process 0 ended: page fault at 0x4[0-9a-f]{5}, address 0xff8\n"));
  EXPECT_TRUE(Has(log, kRegisters));
  EXPECT_TRUE(Has(log, Frame(0, "NodeChannel::Send", "control/node_channel.cc")));
  EXPECT_TRUE(Has(log, "#1 [^\n]* bulkhead::ProgramMain\\([^\n]*  control/main.cc:[1-9]"));
  EXPECT_TRUE(Has(log, "bulkhead: trace [0-9]+ fault page fault 0xff8\n"));
  EXPECT_TRUE(Has(log, "bulkhead: fatal: the supervisor has ended\n$"));
}

// The real VMM of one pod; the other pod goes on.
TEST_F(RunningNode, VmmCrashes) {
  CrashAt(gdb_, kVmmElf, "bulkhead::Machine::HandleExit()", GdbRegister::kRdi, 0x1000);
  ASSERT_TRUE(
      node_.RunUntil([&] { return node_.pod(0).end.has_value() || node_.pod(1).end.has_value(); }));
  const uint16_t ended = node_.pod(0).end.has_value() ? 0 : 1;
  EXPECT_EQ(node_.pod(ended).end, PodEnd::kVmmFailed);
  const uint16_t other = 1 - ended;
  const size_t said = node_.pod(other).console.size();
  ASSERT_TRUE(node_.RunUntil([&] { return node_.pod(other).console.size() > said + 100; }));
  node_.Send(NodeFrameType::kPodStop, other);
  ASSERT_TRUE(node_.RunToEnd());
  EXPECT_EQ(node_.pod(other).end, PodEnd::kStopped);
  EXPECT_EQ(node_.node_error(), "");

  const std::string report = ReportOf(Symbolized(node_, kVmmElf), ended == 0 ? "chatter" : "other");
  EXPECT_TRUE(Has(report, "^bulkhead: process [0-9]+ ended: page fault at 0x8[0-9a-f]{5}, "));
  EXPECT_TRUE(Has(report, kRegisters));
  EXPECT_TRUE(Has(report, Frame(0, "HandleExit", "vmm/x86_64/exits.cc")));
  EXPECT_TRUE(Has(report, Frame(1, "Machine::", "vmm/machine.cc")));
  EXPECT_TRUE(Has(report, "bulkhead: trace [0-9]+ call vcpu_run 0x"));
  EXPECT_TRUE(Has(report, "bulkhead: trace [0-9]+ exit 1 0x"));
}

}  // namespace
}  // namespace bulkhead
