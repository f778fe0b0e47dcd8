// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// The parts of init that do not need a guest: framing, the pump between pipes and channel, what is
// made of crun's log, and writing into an image's tree.

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <functional>
#include <iterator>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "guest/init/agent_channel.h"
#include "guest/init/container.h"
#include "guest/init/files.h"
#include "guest/init/message_parser.h"
#include "guest/init/pod_runner.h"
#include "guest/init/pump.h"

namespace bulkhead {
namespace {

std::string Message(AgentMessage type, std::string_view payload) {
  const AgentHeader header = {type, 0, {0, 0}, static_cast<uint32_t>(payload.size())};
  std::string bytes(reinterpret_cast<const char*>(&header), sizeof(header));
  bytes += payload;
  return bytes;
}

std::string Word(uint32_t value) {
  return std::string(reinterpret_cast<const char*>(&value), sizeof(value));
}

std::span<const uint8_t> Bytes(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

// Writes down what it is told.
class Recorder : public MessageHandler {
 public:
  void OnStdin(std::span<const uint8_t> bytes) override {
    input.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  }
  void OnStdinEnd() override { events += "eof;"; }
  void OnSignal(int signal) override { events += "signal " + std::to_string(signal) + ";"; }
  void OnEnd() override { events += "end;"; }
  std::string input, events;
};

TEST(MessageParserTest, TakesTheStreamInPiecesOfAnySize) {
  const std::string stream =
      Message(AgentMessage::kStdin, "hello ") + Message(AgentMessage::kSignal, Word(15)) +
      Message(AgentMessage::kStdin, std::string(kAgentMaxPayload, 'x')) +
      Message(AgentMessage::kStdinEnd, "") + Message(AgentMessage::kSignal, Word(9)) +
      Message(AgentMessage::kEnd, "");
  for (const size_t piece : {size_t{1}, size_t{3}, size_t{8}, size_t{4096}, stream.size()}) {
    Recorder recorder;
    MessageParser parser(&recorder);
    for (size_t at = 0; at < stream.size(); at += piece) {
      ASSERT_TRUE(parser.Feed(Bytes(std::string_view(stream).substr(at, piece))));
    }
    EXPECT_EQ(recorder.events, "signal 15;eof;signal 9;end;") << piece;
    EXPECT_EQ(recorder.input, "hello " + std::string(kAgentMaxPayload, 'x')) << piece;
  }
}

TEST(MessageParserTest, RefusesWhatBreaksTheRules) {
  std::string reserved = Message(AgentMessage::kStdinEnd, "");
  reserved[2] = 1;
  const std::string cases[] = {
      Message(static_cast<AgentMessage>(0), ""),
      Message(AgentMessage::kStdout, "x"),  // the other direction
      Message(static_cast<AgentMessage>(255), ""),
      reserved,
      Message(AgentMessage::kStdin, ""),
      Message(AgentMessage::kStdin, std::string(kAgentMaxPayload + 1, 'x')),
      Message(AgentMessage::kStdinEnd, "x"),
      Message(AgentMessage::kStdinEnd, "") + Message(AgentMessage::kStdinEnd, ""),
      Message(AgentMessage::kStdinEnd, "") + Message(AgentMessage::kStdin, "x"),
      Message(AgentMessage::kSignal, "abc"),
      Message(AgentMessage::kSignal, Word(0)),
      Message(AgentMessage::kSignal, Word(65)),
      Message(AgentMessage::kEnd, "x"),
  };
  for (const std::string& stream : cases) {
    Recorder recorder;
    MessageParser parser(&recorder);
    EXPECT_FALSE(parser.Feed(Bytes(stream)));
    ASSERT_NE(parser.error(), nullptr);
    // It stays broken, whatever comes.
    const std::string events = recorder.events;
    EXPECT_FALSE(parser.Feed(Bytes(Message(AgentMessage::kSignal, Word(1)))));
    EXPECT_EQ(recorder.events, events);
  }
}

TEST(FailureFromCrunLogTest, GivesPodmansStatus) {
  const auto log = [](const std::string& text) {
    return "{\"msg\":\"" + text + R"(","level":"error","time":"2026-01-01T00:00:00Z"})" + "\n";
  };
  const int failed = 1 << 8;  // as waitpid(2) has exit status 1
  Failure failure = FailureFromCrunLog(
      log("executable file `a\\\"b` not found in $PATH: No such file or directory"), failed);
  EXPECT_EQ(failure.status, 127u);
  EXPECT_EQ(failure.text,
            "crun: executable file `a\"b` not found in $PATH: No such file or directory");
  EXPECT_EQ(FailureFromCrunLog(log("open executable: Permission denied"), failed).status, 126u);
  EXPECT_EQ(FailureFromCrunLog(log("open executable: Operation not permitted"), failed).status,
            126u);
  EXPECT_EQ(FailureFromCrunLog(log("mount `proc`: No such file or directory"), failed).status,
            125u);
  // The last of several is the reason.
  EXPECT_EQ(FailureFromCrunLog(log("a warning") + log("the reason"), failed).text,
            "crun: the reason");
  EXPECT_NE(FailureFromCrunLog("", 9).text.find("signal 9"), std::string::npos);
  EXPECT_EQ(FailureFromCrunLog("{\"msg\"", failed).status, 125u);
  EXPECT_EQ(FailureFromCrunLog("{\"msg\":\"cut \\", failed).status, 125u);
}

TEST(SignalLeftAtDefaultTest, LooksAtAllThreeSets) {
  const auto status = [](const char* blocked, const char* ignored, const char* caught) {
    return std::string("Name:\tSigCgt:\nSigQ:\t0/1\nSigPnd:\tffffffffffffffff\nSigBlk:\t") +
           blocked + "\nSigIgn:\t" + ignored + "\nSigCgt:\t" + caught +
           "\nCapInh:\t0000000000000000\n";
  };
  constexpr char kNone[] = "0000000000000000";
  constexpr char kInterrupt[] = "0000000000000002";
  EXPECT_TRUE(SignalLeftAtDefault(status(kNone, kNone, kNone), SIGINT));
  EXPECT_FALSE(SignalLeftAtDefault(status(kInterrupt, kNone, kNone), SIGINT));
  EXPECT_FALSE(SignalLeftAtDefault(status(kNone, kInterrupt, kNone), SIGINT));
  EXPECT_FALSE(SignalLeftAtDefault(status(kNone, kNone, kInterrupt), SIGINT));
  EXPECT_TRUE(SignalLeftAtDefault(status(kInterrupt, kInterrupt, kInterrupt), SIGTERM));
  EXPECT_FALSE(SignalLeftAtDefault(status(kNone, kNone, "8000000000000000"), 64));
}

TEST(AgentChannelTest, MakesTextOneLineOfBoundedLength) {
  int ends[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
  AgentChannel channel(ends[0]);
  channel.SendFailed(0, 126, "two\nlines\n" + std::string(5000, 'x'));
  ASSERT_TRUE(channel.Write());
  EXPECT_FALSE(channel.pending());
  char bytes[8192];
  const ssize_t n = read(ends[1], bytes, sizeof(bytes));
  const std::string expected =
      Message(AgentMessage::kFailed,
              Word(126) + "two lines " + std::string(AgentChannel::kMaxText - 10, 'x'));
  EXPECT_EQ(std::string(bytes, static_cast<size_t>(n)), expected);
  close(ends[0]);
  close(ends[1]);
}

// A pump between a host process and a socket pair.
class PumpTest : public ::testing::Test {
 protected:
  void SetUp() override {
    signal(SIGPIPE, SIG_IGN);
    sigset_t child;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    ASSERT_EQ(sigprocmask(SIG_BLOCK, &child, nullptr), 0);
    child_signal_ = signalfd(-1, &child, SFD_NONBLOCK | SFD_CLOEXEC);
    ASSERT_GE(child_signal_, 0);
    int ends[2];
    ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    // Small buffers: every write is cut, every queue fills.
    const int size = 4096;
    setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
    guest_ = ends[0];
    host_ = ends[1];
  }

  void TearDown() override {
    close(guest_);
    if (host_ >= 0) close(host_);
    close(child_signal_);
  }

  Container Spawn(const char* script) {
    int in[2], out[2], err[2];
    EXPECT_EQ(pipe2(in, O_CLOEXEC) | pipe2(out, O_CLOEXEC) | pipe2(err, O_CLOEXEC), 0);
    Container container;
    container.pid = fork();
    if (container.pid == 0) {
      dup2(in[0], 0);
      dup2(out[1], 1);
      dup2(err[1], 2);
      execl("/bin/sh", "sh", "-c", script, nullptr);
      _exit(127);
    }
    close(in[0]);
    close(out[1]);
    close(err[1]);
    container.stdin_fd = in[1];
    container.stdout_fd = out[0];
    container.stderr_fd = err[0];
    for (const int fd : {in[1], out[0], err[0]}) fcntl(fd, F_SETFL, O_NONBLOCK);
    return container;
  }

  // Runs `script` while the host sends `input` and reads everything into `output_`.
  MaybeFailure RunPump(const char* script, const std::string& input) {
    std::thread writer([this, input] {
      std::string_view rest = input;
      while (!rest.empty()) {
        const ssize_t n = send(host_, rest.data(), rest.size(), MSG_NOSIGNAL);
        if (n <= 0) break;
        rest.remove_prefix(static_cast<size_t>(n));
      }
    });
    std::thread reader([this] {
      char bytes[1000];
      ssize_t n;
      while ((n = read(host_, bytes, sizeof(bytes))) > 0) {
        output_.append(bytes, static_cast<size_t>(n));
      }
    });
    AgentChannel channel(guest_);
    Pump pump(&channel, child_signal_);
    pump.Add(0, Spawn(script));
    MaybeFailure failure;
    std::optional<Pump::Ended> ended;
    while (!failure && !(ended = pump.TakeEnded()).has_value()) failure = pump.Step(-1);
    if (ended.has_value()) {
      status_ = ended->status;
      channel.Send(AgentMessage::kExited, 0, status_);
    }
    finished_ = pump.Finish(/*timeout_ms=*/2000);
    shutdown(guest_, SHUT_RDWR);
    writer.join();
    reader.join();
    return failure;
  }

  // Payloads of all messages of a type in output_, joined.
  std::string Output(AgentMessage type) const {
    std::string joined;
    for (size_t at = 0; at + sizeof(AgentHeader) <= output_.size();) {
      AgentHeader header;
      std::memcpy(&header, output_.data() + at, sizeof(header));
      if (header.type == type) joined += output_.substr(at + sizeof(header), header.length);
      at += sizeof(header) + header.length;
    }
    return joined;
  }

  int guest_ = -1, host_ = -1, child_signal_ = -1;
  std::string output_;
  uint32_t status_ = 0;
  bool finished_ = false;
};

TEST_F(PumpTest, LosesNoByteUnderBackpressure) {
  std::string data(3 << 20, '\0');
  for (size_t i = 0; i < data.size(); ++i) data[i] = static_cast<char>(i * 7 + i / 256);
  std::string input;
  for (size_t at = 0; at < data.size(); at += 50'000) {
    input += Message(AgentMessage::kStdin, std::string_view(data).substr(at, 50'000));
  }
  input += Message(AgentMessage::kStdinEnd, "") + Message(AgentMessage::kEnd, "");
  EXPECT_FALSE(RunPump("cat; echo done >&2; exit 5", input).has_value());
  EXPECT_TRUE(finished_);
  EXPECT_EQ(status_, 5u);
  EXPECT_TRUE(Output(AgentMessage::kStdout) == data);
  EXPECT_EQ(Output(AgentMessage::kStderr), "done\n");
  EXPECT_EQ(Output(AgentMessage::kExited), Word(5));
  // Credit came for what was taken, and never for more.
  uint64_t credit = 0;
  const std::string grants = Output(AgentMessage::kStdinCredit);
  for (size_t at = 0; at < grants.size(); at += 4) {
    uint32_t grant;
    std::memcpy(&grant, grants.data() + at, sizeof(grant));
    credit += grant;
  }
  EXPECT_LE(credit, data.size());
  EXPECT_GE(credit + 2 * kAgentInitialStdinCredit, data.size());
}

TEST_F(PumpTest, GoesOnWhenTheContainerClosesItsInput) {
  const std::string input = Message(AgentMessage::kStdin, std::string(kAgentMaxPayload, 'x')) +
                            Message(AgentMessage::kStdin, std::string(kAgentMaxPayload, 'x')) +
                            Message(AgentMessage::kStdin, std::string(kAgentMaxPayload, 'x')) +
                            Message(AgentMessage::kStdinEnd, "") + Message(AgentMessage::kEnd, "");
  EXPECT_FALSE(RunPump("exec <&-; echo still here", input).has_value());
  EXPECT_EQ(Output(AgentMessage::kStdout), "still here\n");
  EXPECT_EQ(status_, 0u);
}

TEST_F(PumpTest, ForwardsSignalsAndReportsADeathByOne) {
  const std::string input =
      Message(AgentMessage::kSignal, Word(SIGKILL)) + Message(AgentMessage::kEnd, "");
  EXPECT_FALSE(RunPump("read line", input).has_value());
  EXPECT_EQ(status_, 128u + SIGKILL);
}

TEST_F(PumpTest, FailsOnABadMessage) {
  const MaybeFailure failure = RunPump("exec >/dev/null 2>&1; read line", std::string(8, '\1'));
  ASSERT_TRUE(failure.has_value());
  EXPECT_EQ(failure->status, kStatusInternal);
  EXPECT_NE(failure->text.find("bad message"), std::string::npos) << failure->text;
}

TEST_F(PumpTest, FailsWhenTheHostGoes) {
  shutdown(host_, SHUT_RDWR);
  EXPECT_TRUE(RunPump("read line", "").has_value());
}

// Starts the scripts that it was given in place of containers.
class Scripts final : public ContainerRuntime {
 public:
  Scripts(std::vector<std::string> scripts, std::function<Container(const char*)> spawn)
      : scripts_(std::move(scripts)), spawn_(std::move(spawn)) {}

  MaybeFailure Start(size_t container, Container* out) override {
    if (scripts_[container].empty()) return Failure{kStatusNotFound, "not there"};
    *out = spawn_(scripts_[container].c_str());
    return {};
  }
  void Remove(size_t container) override { removed.push_back(container); }

  std::vector<size_t> removed;

 private:
  const std::vector<std::string> scripts_;
  const std::function<Container(const char*)> spawn_;
};

class PodRunnerTest : public PumpTest {
 protected:
  // Runs a pod of these scripts, of which the first `inits` are init containers' and that ends
  // itself; what it says, message by message.
  std::string Run(const std::vector<std::string>& scripts, size_t inits,
                  const std::string& input = "") {
    PodSpec spec;
    for (size_t i = 0; i < scripts.size(); ++i) spec.containers.push_back({.init = i < inits});
    Scripts runtime(scripts, [this](const char* script) {
      Container container = Spawn(script);
      close(container.stdin_fd);
      container.stdin_fd = -1;
      return container;
    });
    AgentChannel channel(guest_);
    Pump pump(&channel, child_signal_);
    EXPECT_EQ(send(host_, input.data(), input.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(input.size()));
    EXPECT_FALSE(PodRunner(spec, runtime, channel, pump).Run().has_value());
    EXPECT_TRUE(channel.Write());
    shutdown(guest_, SHUT_RDWR);
    char bytes[4096];
    ssize_t n;
    while ((n = read(host_, bytes, sizeof(bytes))) > 0) {
      output_.append(bytes, static_cast<size_t>(n));
    }
    removed_ = runtime.removed;
    return Log();
  }

  std::string Log() const {
    std::string log;
    for (size_t at = 0; at + sizeof(AgentHeader) <= output_.size();) {
      AgentHeader header;
      std::memcpy(&header, output_.data() + at, sizeof(header));
      const std::string payload = output_.substr(at + sizeof(header), header.length);
      at += sizeof(header) + header.length;
      const std::string number = " " + std::to_string(header.container) + ";";
      if (header.type == AgentMessage::kStarted) log += "started" + number;
      if (header.type == AgentMessage::kStdout) log += "says " + payload + number;
      if (header.type == AgentMessage::kExited) {
        log += "exited " + std::to_string(static_cast<uint8_t>(payload[0])) + number;
      }
      if (header.type == AgentMessage::kFailed) log += "failed" + number;
      if (header.type == AgentMessage::kPodEnded) log += "pod ended";
    }
    return log;
  }

  std::vector<size_t> removed_;
};

TEST_F(PodRunnerTest, OneAfterTheOther) {
  EXPECT_EQ(Run({"printf a", "printf b", "printf c; exit 3"}, 2),
            "started 0;says a 0;exited 0 0;started 1;says b 1;exited 0 1;started 2;says c 2;"
            "exited 3 2;pod ended");
  EXPECT_EQ(removed_, (std::vector<size_t>{0, 1}));
}

TEST_F(PodRunnerTest, AFailedInitContainerEndsThePod) {
  EXPECT_EQ(Run({"exit 5", "printf b"}, 1), "started 0;exited 5 0;pod ended");
}

TEST_F(PodRunnerTest, OneThatDoesNotStartLeavesTheOthers) {
  EXPECT_EQ(Run({"", "printf b"}, 0), "failed 0;started 1;says b 1;exited 0 1;pod ended");
}

TEST_F(PodRunnerTest, ASignalIsForAllThatRunAndTheLastWord) {
  // The init container is signalled; the other never starts.
  EXPECT_EQ(Run({"sleep 100", "printf b"}, 1, Message(AgentMessage::kSignal, Word(SIGKILL))),
            "started 0;exited 137 0;pod ended");
}

TEST_F(PodRunnerTest, TwoAtTheSameTime) {
  const std::string log =
      Run({"sleep 100", "sleep 100"}, 0, Message(AgentMessage::kSignal, Word(SIGKILL)));
  EXPECT_EQ(log.rfind("started 0;started 1;", 0), 0u) << log;
  EXPECT_NE(log.find("exited 137 0;"), std::string::npos) << log;
  EXPECT_NE(log.find("exited 137 1;"), std::string::npos) << log;
  EXPECT_TRUE(log.ends_with("pod ended")) << log;
}

// A process elsewhere that has the pipe's end does not keep a container from having ended.
TEST_F(PodRunnerTest, APipeThatStaysOpenEndsWithItsContainer) {
  EXPECT_EQ(Run({"(sleep 5; printf late) & printf a; exit 0"}, 0),
            "started 0;says a 0;exited 0 0;pod ended");
}

TEST(ReplaceFileInRootTest, StaysInsideTheTree) {
  const std::string root = std::string(std::getenv("TEST_TMPDIR")) + "/root";
  const std::string outside = std::string(std::getenv("TEST_TMPDIR")) + "/outside";
  for (const std::string& dir : {root, outside, root + "/real"}) mkdir(dir.c_str(), 0755);
  const auto read = [](const std::string& path) {
    std::ifstream in(path);
    return std::string(std::istreambuf_iterator<char>(in), {});
  };
  // No directory yet.
  ASSERT_FALSE(ReplaceFileInRoot(root, "etc", "hosts", "one\n").has_value());
  EXPECT_EQ(read(root + "/etc/hosts"), "one\n");
  // A link at the file's place is replaced, not followed.
  ASSERT_EQ(symlink((outside + "/target").c_str(), (root + "/etc/resolv.conf").c_str()), 0);
  ASSERT_FALSE(ReplaceFileInRoot(root, "etc", "resolv.conf", "two\n").has_value());
  EXPECT_EQ(read(root + "/etc/resolv.conf"), "two\n");
  EXPECT_NE(access((outside + "/target").c_str(), F_OK), 0);
  // A link at the directory's place means a place in the tree.
  ASSERT_EQ(symlink("../../../real", (root + "/link").c_str()), 0);
  ASSERT_FALSE(ReplaceFileInRoot(root, "link", "hosts", "three\n").has_value());
  EXPECT_EQ(read(root + "/real/hosts"), "three\n");
  ASSERT_EQ(symlink(outside.c_str(), (root + "/away").c_str()), 0);
  EXPECT_TRUE(ReplaceFileInRoot(root, "away", "hosts", "four\n").has_value());
  EXPECT_NE(access((outside + "/hosts").c_str(), F_OK), 0);
}

}  // namespace
}  // namespace bulkhead
