// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "cli/agent_decoder.h"
#include "cli/node_decoder.h"

namespace bulkhead {
namespace {

std::span<const std::byte> Bytes(const std::string& text) {
  return std::as_bytes(std::span<const char>(text));
}

std::string TextOf(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::string Word(uint32_t value) { return {reinterpret_cast<const char*>(&value), sizeof(value)}; }

class NodeRecorder : public NodeFrameHandler {
 public:
  void OnNodeHello(uint32_t version, uint32_t pods) override {
    log += "hello " + std::to_string(version) + " " + std::to_string(pods) + ";";
  }
  void OnAgentOutput(uint16_t pod, std::span<const std::byte> bytes) override {
    log += "agent " + std::to_string(pod) + " " + TextOf(bytes) + ";";
  }
  void OnConsole(uint16_t, std::span<const std::byte> bytes) override {
    log += "console " + TextOf(bytes) + ";";
  }
  void OnLog(uint16_t, const std::string& line) override { log += "log " + line + ";"; }
  void OnAgentCredit(uint16_t, uint32_t bytes) override {
    log += "credit " + std::to_string(bytes) + ";";
  }
  void OnPodEnded(uint16_t, PodEnd end, const std::string& text) override {
    log += "ended " + std::to_string(static_cast<uint32_t>(end)) + " " + text + ";";
  }
  void OnStats(const NodeStats& node, std::span<const PodStats> pods) override {
    log += "stats " + std::to_string(node.time) + " " + std::to_string(pods.size());
    for (const PodStats& pod : pods) log += " " + std::to_string(pod.cpu);
    log += ";";
  }
  void OnNodeEnded() override { log += "node ended;"; }
  void OnNodeError(const std::string& text) override { log += "error " + text + ";"; }

  std::string log;
};

class AgentRecorder : public AgentHandler {
 public:
  // Nothing for the first.
  static std::string Number(size_t container) {
    return container == 0 ? "" : std::to_string(container);
  }

  void OnAgentHello() override { log += "hello;"; }
  void OnStarted(size_t container) override { log += "started" + Number(container) + ";"; }
  void OnStdout(size_t container, std::span<const std::byte> bytes) override {
    out += Number(container) + TextOf(bytes);
  }
  void OnStderr(size_t container, std::span<const std::byte> bytes) override {
    err += Number(container) + TextOf(bytes);
  }
  void OnExited(size_t container, uint32_t status) override {
    log += "exited" + Number(container) + " " + std::to_string(status) + ";";
  }
  void OnFailed(size_t container, uint32_t status, const std::string& text) override {
    log += "failed" + Number(container) + " " + std::to_string(status) + " " + text + ";";
  }
  void OnPodFailed(uint32_t status, const std::string& text) override {
    log += "pod failed " + std::to_string(status) + " " + text + ";";
  }
  void OnPodEnded() override { log += "pod ended;"; }
  void OnAgentLog(const std::string& line) override { log += "log " + line + ";"; }
  void OnStdinCredit(uint32_t bytes) override { log += "credit " + std::to_string(bytes) + ";"; }

  std::string log;
  std::string out;
  std::string err;
};

std::string Hello() { return EncodeNodeFrame(NodeFrameType::kHello, 0, Word(1) + Word(1)); }

std::string AgentHello() { return EncodeAgentMessage(AgentMessage::kHello, kAgentProtocolVersion); }

std::string Started() {
  return AgentHello() + EncodeAgentMessage(AgentMessage::kStarted, std::string());
}

std::string Stats(uint32_t pods, size_t records) {
  NodeStats node = {};
  node.version = kNodeStatsVersion;
  node.pods = pods;
  node.time = 5;
  std::string payload(reinterpret_cast<const char*>(&node), sizeof(node));
  for (size_t i = 0; i < records; ++i) {
    PodStats pod = {};
    pod.cpu = 7 + i;
    payload.append(reinterpret_cast<const char*>(&pod), sizeof(pod));
  }
  return EncodeNodeFrame(NodeFrameType::kStats, 0, payload);
}

TEST(NodeDecoder, StatisticsOfEveryPod) {
  NodeRecorder recorder;
  NodeFrameDecoder decoder(&recorder);
  EXPECT_TRUE(decoder.Feed(Bytes(Hello() + Stats(2, 2))));
  EXPECT_TRUE(recorder.log.ends_with("stats 5 2 7 8;")) << recorder.log;
  EXPECT_FALSE(decoder.Feed(Bytes(Stats(2, 1))));
}

TEST(NodeDecoder, EveryFrameInPiecesOfEverySize) {
  const std::string stream = EncodeNodeFrame(NodeFrameType::kLog, 0, "early") + Hello() +
                             EncodeNodeFrame(NodeFrameType::kAgentOutput, 3, "bytes") +
                             EncodeNodeFrame(NodeFrameType::kConsole, 0, "text") +
                             EncodeNodeFrame(NodeFrameType::kLog, 0, "") +
                             EncodeNodeFrame(NodeFrameType::kAgentCredit, 0, Word(77)) +
                             EncodeNodeFrame(NodeFrameType::kPodEnded, 0, Word(2) + "why") +
                             EncodeNodeFrame(NodeFrameType::kNodeEnded, 0, "");
  for (size_t piece = 1; piece <= stream.size(); ++piece) {
    NodeRecorder recorder;
    NodeFrameDecoder decoder(&recorder);
    for (size_t at = 0; at < stream.size(); at += piece) {
      ASSERT_TRUE(decoder.Feed(Bytes(stream.substr(at, piece)))) << decoder.error();
    }
    EXPECT_EQ(recorder.log,
              "log early;hello 1 1;agent 3 bytes;console text;log ;credit 77;ended 2 why;"
              "node ended;");
  }
}

TEST(NodeDecoder, TheFirstBrokenFrameEndsIt) {
  std::string flipped = EncodeNodeFrame(NodeFrameType::kLog, 0, "x");
  flipped[8] = static_cast<char>(flipped[8] ^ 2);  // the length, no longer as the checksum has it
  for (const std::string& bad :
       {std::string(16, '\0'), std::string(16, 'x'), flipped, Hello(),
        EncodeNodeFrame(NodeFrameType::kAgentInput, 0, "x"),
        EncodeNodeFrame(static_cast<NodeFrameType>(99), 0, "x"),
        EncodeNodeFrame(NodeFrameType::kAgentCredit, 0, "xxx"),
        EncodeNodeFrame(NodeFrameType::kPodEnded, 0, "xxx"),
        EncodeNodeFrame(NodeFrameType::kPodEnded, 0, Word(6)),
        EncodeNodeFrame(NodeFrameType::kNodeEnded, 0, "x"),
        EncodeNodeFrame(NodeFrameType::kLog, 0, std::string(kNodeFrameMaxPayload + 1, 'x'))}) {
    NodeRecorder recorder;
    NodeFrameDecoder decoder(&recorder);
    ASSERT_TRUE(decoder.Feed(Bytes(Hello())));
    EXPECT_FALSE(decoder.Feed(Bytes(bad)));
    EXPECT_FALSE(decoder.error().empty());
    EXPECT_FALSE(decoder.Feed(Bytes(EncodeNodeFrame(NodeFrameType::kLog, 0, "x"))));
    EXPECT_EQ(recorder.log, "hello 1 1;");
  }
}

TEST(NodeDecoder, NothingBeforeTheHello) {
  NodeRecorder recorder;
  NodeFrameDecoder decoder(&recorder);
  EXPECT_FALSE(decoder.Feed(Bytes(EncodeNodeFrame(NodeFrameType::kAgentOutput, 0, "x"))));
  EXPECT_EQ(recorder.log, "");
}

TEST(NodeDecoder, NodeThatCannotStart) {
  NodeRecorder recorder;
  NodeFrameDecoder decoder(&recorder);
  EXPECT_TRUE(decoder.Feed(Bytes(EncodeNodeFrame(NodeFrameType::kNodeError, 0, "no vmm") +
                                 EncodeNodeFrame(NodeFrameType::kNodeEnded, 0, ""))))
      << decoder.error();
  EXPECT_EQ(recorder.log, "error no vmm;node ended;");
}

TEST(AgentDecoder, EveryMessageInPiecesOfEverySize) {
  const std::string stream = AgentHello() + EncodeAgentMessage(AgentMessage::kLog, "line") +
                             EncodeAgentMessage(AgentMessage::kStarted, std::string()) +
                             EncodeAgentMessage(AgentMessage::kStdout, std::string("o\0ut", 4)) +
                             EncodeAgentMessage(AgentMessage::kStderr, "err") +
                             EncodeAgentMessage(AgentMessage::kStdinCredit, 5) +
                             EncodeAgentMessage(AgentMessage::kStdout, "more") +
                             EncodeAgentMessage(AgentMessage::kExited, 137);
  for (size_t piece = 1; piece <= stream.size(); ++piece) {
    AgentRecorder recorder;
    AgentDecoder decoder(&recorder, 3);
    for (size_t at = 0; at < stream.size(); at += piece) {
      ASSERT_TRUE(decoder.Feed(Bytes(stream.substr(at, piece)))) << decoder.error();
    }
    EXPECT_EQ(recorder.log, "hello;log line;started;credit 5;exited 137;");
    EXPECT_EQ(recorder.out, std::string("o\0utmore", 8));
    EXPECT_EQ(recorder.err, "err");
  }
}

TEST(AgentDecoder, TheFirstBrokenMessageEndsIt) {
  std::string reserved = EncodeAgentMessage(AgentMessage::kLog, "x");
  reserved[2] = 1;
  std::string huge = EncodeAgentMessage(AgentMessage::kStdout, "x");
  huge[7] = '\x7f';
  for (const std::string& bad :
       {reserved, huge, AgentHello(), EncodeAgentMessage(AgentMessage::kStarted, std::string()),
        EncodeAgentMessage(AgentMessage::kStdout, std::string()),
        EncodeAgentMessage(AgentMessage::kExited, 256),
        EncodeAgentMessage(AgentMessage::kExited, "xxxxx"),
        EncodeAgentMessage(AgentMessage::kFailed, Word(1) + "x"),
        EncodeAgentMessage(AgentMessage::kFailed, "x"),
        EncodeAgentMessage(AgentMessage::kFailed, Word(125) + std::string(5000, 'x')),
        EncodeAgentMessage(AgentMessage::kStdin, "x"),
        EncodeAgentMessage(static_cast<AgentMessage>(0), "x")}) {
    AgentRecorder recorder;
    AgentDecoder decoder(&recorder, 3);
    ASSERT_TRUE(decoder.Feed(Bytes(Started())));
    EXPECT_FALSE(decoder.Feed(Bytes(bad)));
    EXPECT_FALSE(decoder.Feed(Bytes(EncodeAgentMessage(AgentMessage::kLog, "x"))));
    EXPECT_EQ(recorder.log, "hello;started;");
  }
}

TEST(AgentDecoder, NothingAfterTheEndNothingBeforeTheStart) {
  AgentRecorder recorder;
  AgentDecoder decoder(&recorder, 3);
  ASSERT_TRUE(decoder.Feed(Bytes(Started() + EncodeAgentMessage(AgentMessage::kExited, 0u))));
  ASSERT_TRUE(decoder.Feed(Bytes(EncodeAgentMessage(AgentMessage::kPodEnded, std::string()))));
  EXPECT_FALSE(decoder.Feed(Bytes(EncodeAgentMessage(AgentMessage::kStdout, "late"))));
  EXPECT_EQ(recorder.out, "");

  AgentDecoder early(&recorder, 3);
  EXPECT_FALSE(early.Feed(Bytes(AgentHello() + EncodeAgentMessage(AgentMessage::kStdout, "x"))));
  AgentDecoder other(&recorder, 3);
  EXPECT_FALSE(other.Feed(Bytes(EncodeAgentMessage(AgentMessage::kHello, 1))));
}

TEST(AgentDecoder, SeveralContainersInAnyOrder) {
  const auto message = [](AgentMessage type, uint8_t container, const std::string& payload = "") {
    return EncodeAgentMessage(type, payload, container);
  };
  AgentRecorder recorder;
  AgentDecoder decoder(&recorder, 3);
  EXPECT_TRUE(decoder.Feed(Bytes(
      Started() + message(AgentMessage::kStarted, 2) + message(AgentMessage::kStdout, 2, "two") +
      message(AgentMessage::kStdout, 0, "zero") + message(AgentMessage::kExited, 2, Word(3)) +
      message(AgentMessage::kFailed, 1, Word(127) + "none") + message(AgentMessage::kStarted, 2) +
      message(AgentMessage::kExited, 0, Word(0)) + message(AgentMessage::kExited, 2, Word(0)) +
      message(AgentMessage::kPodEnded, 0))))
      << decoder.error();
  EXPECT_EQ(recorder.log,
            "hello;started;started2;exited2 3;failed1 127 none;started2;exited 0;exited2 0;"
            "pod ended;");
  EXPECT_EQ(recorder.out, "2twozero");

  for (const std::string& bad :
       {message(AgentMessage::kStarted, 3), message(AgentMessage::kStarted, kAgentWholePod),
        message(AgentMessage::kStarted, 0), message(AgentMessage::kStdout, 1, "x"),
        message(AgentMessage::kExited, 1, Word(0)), message(AgentMessage::kLog, 1, "x"),
        message(AgentMessage::kFailed, 0, Word(125) + "x"), message(AgentMessage::kPodEnded, 0),
        message(AgentMessage::kStdinCredit, 1, Word(1)),
        message(AgentMessage::kExited, 0, Word(0)) + message(AgentMessage::kPodEnded, 1),
        message(AgentMessage::kFailed, kAgentWholePod, Word(125) + "x") +
            message(AgentMessage::kPodEnded, 0)}) {
    AgentDecoder strict(&recorder, 3);
    ASSERT_TRUE(strict.Feed(Bytes(Started())));
    EXPECT_FALSE(strict.Feed(Bytes(bad)));
  }
}

}  // namespace
}  // namespace bulkhead
