// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// Real crashes, of a process and of the hypervisor: the log has registers, a backtrace and the
// trace, and tools/symbolize names functions, files and lines.

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <regex>
#include <string>
#include <utility>
#include <vector>

#include "boot/testing/bundle_writer.h"
#include "tests/harness/gdb_stub.h"
#include "tests/harness/node.h"
#include "tests/harness/symbols.h"

namespace bulkhead {
namespace {

constexpr std::chrono::seconds kDeadline(120);
constexpr char kCrasherElf[] = "tests/crash/crasher_x86_64.elf";

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

TEST(CrashOfProcesses, EndsThemAlone) {
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

// Frames in this order, inlined ones among them, whatever is between them.
testing::AssertionResult HasFrames(const std::string& log,
                                   const std::vector<std::pair<std::string, std::string>>& frames) {
  std::string pattern;
  for (const auto& [function, file] : frames) {
    pattern += " {4}#[0-9]+ +0x[0-9a-f]{16} [^\n]*" + function + "[^\n]*  " + file +
               ":[1-9][0-9]*\n( {4}#[^\n]*\n)*";
  }
  return Has(log, pattern);
}

// Functions that are there whatever the compiler inlines: entries, what is called by way of a
// table, and what is called from many places.
constexpr char kLogLine[] =
    "bulkhead::LogLine(std::__1::basic_string_view<char, std::__1::char_traits<char>>)";
constexpr char kLinkSend[] =
    "non-virtual thunk to bulkhead::Supervisor::Send("
    "std::__1::span<std::byte const, 18446744073709551615ul>)";
constexpr char kVcpuThread[] = "bulkhead::Machine::VcpuThread(unsigned long)";

// Where nothing is mapped, in any address space.
constexpr uint64_t kNowhere = 0x1000;

// Runs the stopped machine on until it calls `function`, which finds kNowhere in `which`.
void CrashAt(GdbStub& gdb, const char* program, const char* function, GdbRegister which) {
  const uint64_t address = FunctionAddress(program, function);
  gdb.RunTo(address);
  EXPECT_EQ(gdb.ReadRegister(GdbRegister::kRip), address);
  gdb.WriteRegister(which, kNowhere);
  EXPECT_EQ(gdb.ReadRegister(which), kNowhere);
  gdb.Detach();
}

// A node with two pods that say a line and no more: nobody reads the channel while gdb has the
// node.
class Crash : public testing::Test {
 protected:
  void Start(const std::vector<std::string>& more = {}) {
    TestNodeOptions options = {.pods = {{.name = "first", .cmdline = "testguest.mode=spin-cli"},
                                        {.name = "second", .cmdline = "testguest.mode=spin-cli"}},
                               .qemu_arguments = gdb_.QemuArguments()};
    options.qemu_arguments.insert(options.qemu_arguments.end(), more.begin(), more.end());
    node_.emplace(options);
  }

  // Once both pods have run, `function` is called because of a pod's end.
  void CrashAtPodEnd(const char* program, const char* function, GdbRegister which) {
    Start();
    ASSERT_TRUE(node_->RunUntil([&] {
      return node_->pod(0).console.ends_with("\n") && node_->pod(1).console.ends_with("\n");
    }));
    gdb_.Interrupt();
    node_->Send(NodeFrameType::kPodStop, 0);
    CrashAt(gdb_, program, function, which);
    ASSERT_TRUE(node_->machine().RunToEnd(kDeadline));
    log_ = Symbolized(*node_, kVmmElf);
    EXPECT_TRUE(Has(log_, kRegisters));
    EXPECT_TRUE(Has(log_, "bulkhead: trace [0-9]+ call process_control 0x"));
  }

  GdbStub gdb_;
  std::optional<TestNode> node_;
  std::string log_;  // symbolized
};

TEST_F(Crash, OfTheHypervisor) {
  // The text's first character is not there.
  ASSERT_NO_FATAL_FAILURE(CrashAtPodEnd(kHypervisorElf, kLogLine, GdbRegister::kRdi));
  EXPECT_TRUE(Has(log_, "bulkhead: crash: page fault in the hypervisor\n"));
  EXPECT_TRUE(Has(log_, " cr2 0x0000000000001000\nbulkhead: backtrace 0xffffffff8"));
  EXPECT_TRUE(HasFrames(log_, {{"LogLine\\(", "arch/log.cc"},
                               {"Calls::SystemControl\\(", "hypervisor/calls_system.cc"},
                               {"HandleCall\\(", "hypervisor/dispatch.cc"},
                               {"HandleCallEntry", "arch/x86_64/traps.cc"},
                               {"SyscallEntry", "arch/x86_64/entry.S"}}));
  EXPECT_TRUE(Has(log_, "bulkhead: trace [0-9]+ exit [0-9]+ 0x"));
  EXPECT_TRUE(Has(log_,
                  "bulkhead: trace [0-9]+ call system_control 0x[^\n]*\n"
                  "bulkhead: fatal: the hypervisor crashed; the lines above say where\n$"));
}

// Not even the exception can be delivered on the stack it has.
TEST_F(Crash, OfTheHypervisorsStack) {
  ASSERT_NO_FATAL_FAILURE(CrashAtPodEnd(kHypervisorElf, kLogLine, GdbRegister::kRsp));
  EXPECT_TRUE(Has(log_, "bulkhead: crash: double fault in the hypervisor\n"));
  EXPECT_TRUE(Has(log_, " rsp 0x0000000000001000\n"));
  // The caller of a function that has not set its frame up is missing.
  EXPECT_TRUE(HasFrames(log_, {{"LogLine\\(", "arch/log.cc"},
                               {"HandleCallEntry", "arch/x86_64/traps.cc"},
                               {"SyscallEntry", "arch/x86_64/entry.S"}}));
  EXPECT_TRUE(Has(log_,
                  "bulkhead: trace [0-9]+ call system_control 0x[^\n]*\n"
                  "bulkhead: fatal: the hypervisor crashed; the lines above say where\n$"));
}

TEST_F(Crash, OfTheSupervisor) {
  ASSERT_NO_FATAL_FAILURE(CrashAtPodEnd(kSupervisorElf, kLinkSend, GdbRegister::kRsp));
  EXPECT_TRUE(
      Has(log_, "bulkhead: process 0 ended: page fault at 0x4[0-9a-f]{5}, address 0xff8\n"));
  // A thunk is in no line of its own.
  EXPECT_TRUE(
      Has(log_, "#0 [^\n]* thunk to bulkhead::Supervisor::Send\\([^\n]*  control/supervisor.cc:"));
  EXPECT_TRUE(HasFrames(log_, {{"bulkhead::ProgramMain\\(", "control/main.cc"},
                               {"RuntimeStart", "runtime/runtime.cc"}}));
  EXPECT_TRUE(Has(log_,
                  "bulkhead: trace [0-9]+ fault page fault 0xff8\n"
                  "bulkhead: fatal: the supervisor has ended\n$"));
}

// The first pod's; the other pod goes on.
TEST_F(Crash, OfAVmm) {
  Start({"-S"});
  gdb_.Attach();
  CrashAt(gdb_, kVmmElf, kVcpuThread, GdbRegister::kRdi);
  ASSERT_TRUE(node_->RunUntil(
      [&] { return node_->pod(0).end.has_value() || node_->pod(1).end.has_value(); }));
  const uint16_t ended = node_->pod(0).end.has_value() ? 0 : 1;
  EXPECT_EQ(node_->pod(ended).end, PodEnd::kVmmFailed);
  const uint16_t other = 1 - ended;
  ASSERT_TRUE(node_->RunUntil([&] { return node_->pod(other).console.ends_with("\n"); }));
  node_->Send(NodeFrameType::kPodStop, other);
  ASSERT_TRUE(node_->RunToEnd());
  EXPECT_EQ(node_->pod(other).end, PodEnd::kStopped);
  EXPECT_EQ(node_->node_error(), "");

  const std::string report = ReportOf(Symbolized(*node_, kVmmElf), ended == 0 ? "first" : "second");
  EXPECT_TRUE(Has(report, "^bulkhead: process [0-9]+ ended: page fault at 0x8[0-9a-f]{5}, "));
  EXPECT_TRUE(Has(report, kRegisters));
  EXPECT_TRUE(HasFrames(report, {{"Machine::RunVcpu\\(", "vmm/machine.cc"},
                                 {"Machine::VcpuThread\\(", "vmm/machine.cc"}}));
  EXPECT_TRUE(Has(report, "bulkhead: trace [0-9]+ call thread_create 0x"));
  EXPECT_TRUE(Has(report, "bulkhead: trace [0-9]+ fault page fault 0x[0-9a-f]{4,5}\n$"));
}

}  // namespace
}  // namespace bulkhead
