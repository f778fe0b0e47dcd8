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
constexpr char kCrasherSource[] = "tests/crash/[a-z0-9_/]+.cc";

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

// What the two processors call things, in the log and in QEMU's gdb stub.
struct Words {
  std::string registers;  // lines of a report
  std::string fault;      // a wrong access to memory
  int fault_code;
  std::string stack_fault;    // a stack that cannot be used, in the hypervisor
  std::string fault_address;  // registers in a report
  std::string stack_value;
  std::string pc;  // registers in gdb
  std::string stack;
  std::string argument;
  std::vector<std::pair<std::string, std::string>> entry;  // frames: the way into the hypervisor
};

constexpr char kX86_64Registers[] =
    "bulkhead: rax [0-9a-fx]+ rbx [0-9a-fx]+ rcx [0-9a-fx]+ rdx [0-9a-fx]+\n"
    "bulkhead: rsi [0-9a-fx]+ rdi [0-9a-fx]+ rbp [0-9a-fx]+ rsp [0-9a-fx]+\n"
    "bulkhead: r8  [0-9a-fx]+ r9  [0-9a-fx]+ r10 [0-9a-fx]+ r11 [0-9a-fx]+\n"
    "bulkhead: r12 [0-9a-fx]+ r13 [0-9a-fx]+ r14 [0-9a-fx]+ r15 [0-9a-fx]+\n"
    "bulkhead: rip [0-9a-fx]+ flg [0-9a-fx]+ err [0-9a-fx]+ cr2 [0-9a-fx]+\n";
constexpr char kAarch64Registers[] =
    "(bulkhead:( x[0-9]+ +[0-9a-fx]+){4}\n){7}"
    "bulkhead: x28 [0-9a-fx]+ x29 [0-9a-fx]+ x30 [0-9a-fx]+ sp  [0-9a-fx]+\n"
    "bulkhead: pc  [0-9a-fx]+ pst [0-9a-fx]+ esr [0-9a-fx]+ far [0-9a-fx]+\n";

const Words& WordsOf(Architecture architecture) {
  static const auto& x86_64 = *new Words{.registers = kX86_64Registers,
                                         .fault = "page fault",
                                         .fault_code = 14,
                                         .stack_fault = "double fault",
                                         .fault_address = " cr2 ",
                                         .stack_value = " rsp ",
                                         .pc = "rip",
                                         .stack = "rsp",
                                         .argument = "rdi",
                                         .entry = {{"SyscallEntry", "arch/x86_64/entry.S"}}};
  static const auto& aarch64 = *new Words{.registers = kAarch64Registers,
                                          .fault = "data abort",
                                          .fault_code = 0x24,
                                          .stack_fault = "data abort",
                                          .fault_address = " far ",
                                          .stack_value = " sp  ",
                                          .pc = "pc",
                                          .stack = "sp",
                                          .argument = "x0",
                                          .entry = {{"HandleUserSync", "arch/aarch64/traps.cc"}}};
  return architecture == Architecture::kX86_64 ? x86_64 : aarch64;
}

std::string CrasherFile(Architecture architecture) {
  return "tests/crash/crasher_" + NameOf(architecture) + ".elf";
}

std::string Symbolized(Architecture architecture, const TestNode& node, const std::string& vmm) {
  const NodeFiles& files = Facts(architecture).files;
  return Symbolize(node.machine().serial(),
                   {std::string("--hypervisor ") + files.hypervisor,
                    std::string("--supervisor ") + files.supervisor, "--vmm " + vmm});
}

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
  int code;                         // of the fault
  std::string first_line;           // of the report, after "process N ended: "
  std::vector<std::string> frames;  // innermost first
};

// In run-data, the innermost is data, which has no name; and whoever jumps there has not been left
// by way of a frame.
std::vector<UserCrash> X86_64Crashes() {
  return {
      {"undefined", 6, "invalid opcode at ", {"UndefinedInstruction", "Crash"}},
      {"privileged", 13, "general protection at ", {"PrivilegedInstruction", "Crash"}},
      {"run-data", 14, "page fault at (0x8[0-9a-f]{5}), address \\1\n", {"", "Crash"}},
      {"non-canonical", 13, "general protection at ", {"ReadStatus", "ReadNonCanonical", "Crash"}},
      {"frame-in-hypervisor", 6, "invalid opcode at ", {"LoseFrame"}},
      {"frame-unaligned", 6, "invalid opcode at ", {"LoseFrame"}},
      {"frame-loop", 6, "invalid opcode at ", {"LoseFrame", ""}},
      {"divide", 0, "divide error at ", {"Divide", "CrashLikeProcessor", "Crash"}},
  };
}

std::vector<UserCrash> Aarch64Crashes() {
  return {
      {"undefined", 0, "undefined instruction at ", {"UndefinedInstruction", "Crash"}},
      {"privileged", 0, "undefined instruction at ", {"PrivilegedInstruction", "Crash"}},
      {"run-data", 0x20, "instruction abort at (0x8[0-9a-f]{5}), address \\1\n", {"", "Crash"}},
      {"non-canonical",
       0x24,
       "data abort at 0x8[0-9a-f]{5}, address 0x8000000000000018\n",
       {"ReadStatus", "ReadNonCanonical", "Crash"}},
      {"frame-in-hypervisor", 0, "undefined instruction at ", {"LoseFrame"}},
      {"frame-unaligned", 0, "undefined instruction at ", {"LoseFrame"}},
      {"frame-loop", 0, "undefined instruction at ", {"LoseFrame", ""}},
      {"break", 0x3c, "BRK instruction at ", {"Break", "CrashLikeProcessor", "Crash"}},
  };
}

std::vector<UserCrash> UserCrashes(Architecture architecture) {
  const std::string fault = WordsOf(architecture).fault + " at ";
  const int code = WordsOf(architecture).fault_code;
  std::vector<UserCrash> all = {
      {"read", code, fault + "0x8[0-9a-f]{5}, address 0x18\n", {"ReadStatus", "Crash"}},
      {"write-text", code, fault + "0x8[0-9a-f]{5}, address 0x8", {"WriteText", "Crash"}},
      {"hypervisor",
       code,
       fault + "0x8[0-9a-f]{5}, address 0xffffffff80000018\n",
       {"ReadStatus", "ReadHypervisor", "Crash"}},
      {"stack", code, fault, {"Recurse", "Recurse", "Recurse", "Recurse"}},
  };
  const auto more = architecture == Architecture::kX86_64 ? X86_64Crashes() : Aarch64Crashes();
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

std::string CrasherBundle(Architecture architecture, const std::vector<UserCrash>& crashes) {
  constexpr size_t kPage = 4096;
  BundleWriter writer;
  writer.Add("supervisor", ReadFileOrDie(Facts(architecture).files.supervisor), 0100644, kPage);
  writer.Add("vmm", ReadFileOrDie(CrasherFile(architecture)), 0100644, kPage);
  const auto add = [&writer](const std::string& pod) {
    const std::string path = "pods/" + pod + "/";
    writer.Add(path + "pod", "version=1\nmemory=65536\ncpus=1\ncmdline=" + pod + "\n");
    writer.Add(path + "kernel", "not looked at", 0100644, kPage);
  };
  for (const UserCrash& crash : crashes) add(crash.how);
  add("live");
  return writer.Finish();
}

class CrashOfProcesses : public testing::TestWithParam<Architecture> {};

TEST_P(CrashOfProcesses, EndsThemAlone) {
  const std::vector<UserCrash> crashes = UserCrashes(GetParam());
  TestNode node({.architecture = GetParam(), .bundle = CrasherBundle(GetParam(), crashes)});
  const auto live = static_cast<uint16_t>(crashes.size());
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

  const std::string log = Symbolized(GetParam(), node, CrasherFile(GetParam()));
  for (uint16_t i = 0; i < live; ++i) {
    const UserCrash& crash = crashes[i];
    SCOPED_TRACE(crash.how);
    EXPECT_EQ(node.pod(i).end, PodEnd::kVmmFailed);
    EXPECT_TRUE(node.pod(i).reason.starts_with("its VMM ended with fault " +
                                               std::to_string(crash.code) + " at address 0x"))
        << node.pod(i).reason;
    const std::string report = ReportOf(log, crash.how);
    EXPECT_TRUE(Has(report, "^bulkhead: process [0-9]+ ended: " + crash.first_line));
    EXPECT_TRUE(Has(report, WordsOf(GetParam()).registers));
    for (size_t f = 0; f < crash.frames.size(); ++f) {
      if (crash.frames[f].empty()) continue;
      EXPECT_TRUE(Has(report, Frame(static_cast<int>(f), crash.frames[f], kCrasherSource)));
    }
    if (crash.frames.back() == "Crash") {
      const auto caller = static_cast<int>(crash.frames.size());
      EXPECT_TRUE(Has(report, Frame(caller, "ProgramMain", kCrasherSource)));
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
    pattern += " {4}(#[0-9]+|x30) +0x[0-9a-f]{16} [^\n]*" + function + "[^\n]*  " + file +
               ":[1-9][0-9]*\n( {4}[#x][^\n]*\n)*";
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
void CrashAt(GdbStub& gdb, const Words& words, const char* program, const char* function,
             const std::string& which) {
  const uint64_t address = FunctionAddress(program, function);
  gdb.RunTo(address);
  EXPECT_EQ(gdb.ReadRegister(words.pc), address);
  gdb.WriteRegister(which, kNowhere);
  EXPECT_EQ(gdb.ReadRegister(which), kNowhere);
  gdb.Detach();
}

// A node with two pods that say a line and no more: nobody reads the channel while gdb has the
// node.
class Crash : public testing::TestWithParam<Architecture> {
 protected:
  void Start(const std::vector<std::string>& more = {}) {
    TestNodeOptions options = {
        .architecture = GetParam(),
        .pods = {{.name = "first", .cmdline = "testguest.mode=spin-masked"},
                 {.name = "second", .cmdline = "testguest.mode=spin-masked"}},
        .qemu_arguments = gdb_.QemuArguments()};
    options.qemu_arguments.insert(options.qemu_arguments.end(), more.begin(), more.end());
    node_.emplace(options);
  }

  // Once both pods have run, `function` is called because of a pod's end.
  void CrashAtPodEnd(const char* program, const char* function, const std::string& which) {
    Start();
    ASSERT_TRUE(node_->RunUntil([&] {
      return node_->pod(0).console.ends_with("\n") && node_->pod(1).console.ends_with("\n");
    }));
    gdb_.Interrupt();
    node_->Send(NodeFrameType::kPodStop, 0);
    CrashAt(gdb_, words_, program, function, which);
    ASSERT_TRUE(node_->machine().RunToEnd(kDeadline));
    log_ = Symbolized(GetParam(), *node_, files_.vmm);
    EXPECT_TRUE(Has(log_, words_.registers));
    EXPECT_TRUE(Has(log_, "bulkhead: trace [0-9]+ call process_control 0x"));
  }

  const NodeFiles& files_ = Facts(GetParam()).files;
  const Words& words_ = WordsOf(GetParam());
  GdbStub gdb_;
  std::optional<TestNode> node_;
  std::string log_;  // symbolized
};

TEST_P(Crash, OfTheHypervisor) {
  // The text's first character is not there.
  ASSERT_NO_FATAL_FAILURE(CrashAtPodEnd(files_.hypervisor, kLogLine, words_.argument));
  EXPECT_TRUE(Has(log_, "bulkhead: crash: " + words_.fault + " in the hypervisor\n"));
  EXPECT_TRUE(
      Has(log_, words_.fault_address + "0x0000000000001000\nbulkhead: backtrace 0xffffffff8"));
  EXPECT_TRUE(HasFrames(log_, {{"LogLine\\(", "arch/log.cc"}}));
  EXPECT_TRUE(HasFrames(log_, {{"Calls::SystemControl\\(", "hypervisor/calls_system.cc"},
                               {"HandleCall", "hypervisor/dispatch.cc"}}));
  EXPECT_TRUE(HasFrames(log_, words_.entry));
  EXPECT_TRUE(Has(log_, "bulkhead: trace [0-9]+ exit [0-9]+ 0x"));
  EXPECT_TRUE(Has(log_,
                  "bulkhead: trace [0-9]+ call system_control 0x[^\n]*\n"
                  "bulkhead: fatal: the hypervisor crashed; the lines above say where\n$"));
}

// Not even the exception can be delivered on the stack it has.
TEST_P(Crash, OfTheHypervisorsStack) {
  ASSERT_NO_FATAL_FAILURE(CrashAtPodEnd(files_.hypervisor, kLogLine, words_.stack));
  EXPECT_TRUE(Has(log_, "bulkhead: crash: " + words_.stack_fault + " in the hypervisor\n"));
  EXPECT_TRUE(Has(log_, words_.stack_value + "0x0000000000001000\n"));
  // Where a stack is needed next: at once, or after the return from a function without a frame.
  EXPECT_TRUE(HasFrames(log_, {{"(LogLine\\(|HandleCall)", "(arch/log|hypervisor/dispatch).cc"}}));
  EXPECT_TRUE(HasFrames(log_, words_.entry));
  EXPECT_TRUE(Has(log_,
                  "bulkhead: trace [0-9]+ call system_control 0x[^\n]*\n"
                  "bulkhead: fatal: the hypervisor crashed; the lines above say where\n$"));
}

TEST_P(Crash, OfTheSupervisor) {
  ASSERT_NO_FATAL_FAILURE(CrashAtPodEnd(files_.supervisor, kLinkSend, words_.stack));
  EXPECT_TRUE(Has(log_, "bulkhead: process 0 ended: " + words_.fault +
                            " at 0x4[0-9a-f]{5}, address 0xf[0-9a-f]{2}\n"));
  // In the thunk, which is in no line of its own, or in what that jumps to.
  EXPECT_TRUE(Has(log_, "#0 [^\n]*::Send\\([^\n]*  (control|drivers)/[a-z_/]+.(cc|h):"));
  EXPECT_TRUE(HasFrames(log_, {{"bulkhead::ProgramMain\\(", "control/main.cc"},
                               {"RuntimeStart", "runtime/runtime.cc"}}));
  EXPECT_TRUE(Has(log_, "bulkhead: trace [0-9]+ fault " + words_.fault +
                            " 0xf[0-9a-f]{2}\n"
                            "bulkhead: fatal: the supervisor has ended\n$"));
}

// The first pod's; the other pod goes on.
TEST_P(Crash, OfAVmm) {
  Start({"-S"});
  gdb_.Attach();
  CrashAt(gdb_, words_, files_.vmm, kVcpuThread, words_.argument);
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

  const std::string report =
      ReportOf(Symbolized(GetParam(), *node_, files_.vmm), ended == 0 ? "first" : "second");
  EXPECT_TRUE(
      Has(report, "^bulkhead: process [0-9]+ ended: " + words_.fault + " at 0x8[0-9a-f]{5}, "));
  EXPECT_TRUE(Has(report, words_.registers));
  EXPECT_TRUE(HasFrames(report, {{"Machine::RunVcpu\\(", "vmm/machine.cc"},
                                 {"Machine::VcpuThread\\(", "vmm/machine.cc"}}));
  // What comes before the fault may be the other pod's, which runs at the same time.
  EXPECT_TRUE(Has(report, "bulkhead: trace [0-9]+ call [a-z_]+ 0x"));
  EXPECT_TRUE(Has(report, "bulkhead: trace [0-9]+ fault " + words_.fault + " 0x[0-9a-f]{4,5}\n$"));
}

INSTANTIATE_TEST_SUITE_P(All, CrashOfProcesses, testing::ValuesIn(kArchitectures),
                         testing::PrintToStringParamName());
INSTANTIATE_TEST_SUITE_P(All, Crash, testing::ValuesIn(kArchitectures),
                         testing::PrintToStringParamName());

}  // namespace
}  // namespace bulkhead
