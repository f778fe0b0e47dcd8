// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "control/node_channel.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <memory>
#include <string>
#include <vector>

namespace bulkhead {
namespace {

// A link that takes and gives at most `step` bytes a call.
class FakeLink : public NodeLink {
 public:
  size_t Send(std::span<const std::byte> bytes) override {
    const size_t count = std::min({bytes.size(), step, room});
    sent.insert(sent.end(), bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(count));
    room -= count;
    return count;
  }
  size_t Receive(std::span<std::byte> out) override {
    const size_t count = std::min({out.size(), step, incoming.size()});
    std::copy_n(incoming.begin(), count, out.begin());
    incoming.erase(incoming.begin(), incoming.begin() + static_cast<ptrdiff_t>(count));
    return count;
  }

  Status status() const override { return state; }

  Status state = Status::kOk;
  size_t step = SIZE_MAX;
  size_t room = SIZE_MAX;
  std::vector<std::byte> sent;
  std::deque<std::byte> incoming;
};

struct Frame {
  NodeFrameType type;
  uint16_t pod;
  std::string payload;
  bool operator==(const Frame&) const = default;
};

class Collector : public NodeChannel::Handler {
 public:
  bool HandleFrame(NodeFrameType type, uint16_t pod, std::span<const std::byte> payload) override {
    frames.push_back({type, pod, {reinterpret_cast<const char*>(payload.data()), payload.size()}});
    return accept;
  }
  std::vector<Frame> frames;
  bool accept = true;
};

class NodeChannelTest : public ::testing::Test {
 protected:
  void Arrive(NodeFrameHeader header, std::string_view payload) {
    const auto bytes = std::as_bytes(std::span(&header, 1));
    link_.incoming.insert(link_.incoming.end(), bytes.begin(), bytes.end());
    const auto text = std::as_bytes(std::span(payload));
    link_.incoming.insert(link_.incoming.end(), text.begin(), text.end());
  }
  void Arrive(NodeFrameType type, uint16_t pod, std::string_view payload) {
    Arrive(MakeNodeFrameHeader(type, pod, static_cast<uint32_t>(payload.size())), payload);
  }

  // The other side says what it took.
  void Taken(uint32_t bytes, uint32_t frames) {
    const uint32_t words[] = {bytes, frames};
    Arrive(NodeFrameType::kTaken, 0, {reinterpret_cast<const char*>(words), sizeof(words)});
    EXPECT_EQ(channel_->Receive(collector_), Status::kOk);
  }

  FakeLink link_;
  std::unique_ptr<NodeChannel> channel_ = std::make_unique<NodeChannel>(link_);
  Collector collector_;
};

TEST(Crc32Test, IsTheOneOfZlib) {
  EXPECT_EQ(Crc32(std::as_bytes(std::span(std::string_view("123456789")))), 0xcbf43926u);
}

TEST_F(NodeChannelTest, ALinkThatLostBytesIsNotBelieved) {
  Arrive(NodeFrameType::kPodStop, 1, "");
  link_.incoming.push_back(std::byte{0x42});
  link_.state = Status::kCorrupt;
  EXPECT_EQ(channel_->Receive(collector_), Status::kCorrupt);
  EXPECT_EQ(collector_.frames.size(), 1u);  // came before
  link_.state = Status::kOk;
  Arrive(NodeFrameType::kPodStop, 1, "");
  EXPECT_EQ(channel_->Receive(collector_), Status::kCorrupt);
  EXPECT_EQ(collector_.frames.size(), 1u);
}

TEST_F(NodeChannelTest, TellsProgress) {
  ASSERT_TRUE(channel_->Send(NodeFrameType::kLog, 0, "1234"));
  EXPECT_EQ(channel_->moved(), 0u);
  link_.room = 5;
  EXPECT_FALSE(channel_->Flush());
  EXPECT_EQ(channel_->moved(), 5u);
  link_.room = SIZE_MAX;
  EXPECT_TRUE(channel_->Flush());
  EXPECT_EQ(channel_->moved(), sizeof(NodeFrameHeader) + 4);
  Taken(sizeof(NodeFrameHeader) + 4, 1);
  EXPECT_EQ(channel_->moved(), 2 * (sizeof(NodeFrameHeader) + 4));
}

TEST_F(NodeChannelTest, FramesArriveWholeHoweverTheyAreCut) {
  const std::string large(kNodeFrameMaxPayload, 'x');
  for (const size_t step : {size_t{1}, size_t{7}, size_t{16}, size_t{4096}, SIZE_MAX}) {
    link_.step = step;
    collector_.frames.clear();
    Arrive(NodeFrameType::kAgentInput, 3, "hello");
    Arrive(NodeFrameType::kPodStop, 0xffff, "");
    Arrive(NodeFrameType::kAgentInput, 0, large);
    EXPECT_EQ(channel_->Receive(collector_), Status::kOk);
    const std::vector<Frame> expected = {{NodeFrameType::kAgentInput, 3, "hello"},
                                         {NodeFrameType::kPodStop, 0xffff, ""},
                                         {NodeFrameType::kAgentInput, 0, large}};
    EXPECT_TRUE(collector_.frames == expected) << "step " << step;
  }
}

TEST_F(NodeChannelTest, AFrameThatIsNotCompleteWaits) {
  Arrive(NodeFrameType::kAgentInput, 1, "abc");
  link_.incoming.pop_back();
  EXPECT_EQ(channel_->Receive(collector_), Status::kOk);
  EXPECT_TRUE(collector_.frames.empty());
  link_.incoming.push_back(std::byte{'c'});
  EXPECT_EQ(channel_->Receive(collector_), Status::kOk);
  ASSERT_EQ(collector_.frames.size(), 1u);
  EXPECT_EQ(collector_.frames[0].payload, "abc");
}

TEST_F(NodeChannelTest, NothingIsTakenAfterAHeaderThatDoesNotCheck) {
  const NodeFrameHeader good = MakeNodeFrameHeader(NodeFrameType::kAgentInput, 1, 3);
  NodeFrameHeader magic = good;
  magic.magic ^= 1;
  NodeFrameHeader length = good;
  length.length = 4;  // the checksum is that of 3
  NodeFrameHeader checksum = good;
  checksum.checksum ^= 1;
  const NodeFrameHeader large =
      MakeNodeFrameHeader(NodeFrameType::kAgentInput, 1, kNodeFrameMaxPayload + 1);
  for (const NodeFrameHeader& bad : {magic, length, checksum, large}) {
    channel_ = std::make_unique<NodeChannel>(link_);
    link_.incoming.clear();
    collector_.frames.clear();
    Arrive(bad, "abc");
    Arrive(NodeFrameType::kPodStop, 0, "");
    EXPECT_EQ(channel_->Receive(collector_), Status::kCorrupt);
    EXPECT_EQ(channel_->Receive(collector_), Status::kCorrupt);
    EXPECT_TRUE(collector_.frames.empty());
  }
}

TEST_F(NodeChannelTest, AHandlersRefusalEndsTheStream) {
  collector_.accept = false;
  Arrive(NodeFrameType::kPodStop, 0, "");
  Arrive(NodeFrameType::kPodStop, 0, "");
  EXPECT_EQ(channel_->Receive(collector_), Status::kCorrupt);
  EXPECT_EQ(collector_.frames.size(), 1u);
}

TEST_F(NodeChannelTest, SendsWhatItQueuedInOrder) {
  const std::string first(kNodeFrameMaxPayload, 'a');
  const std::string second(1000, 'b');
  link_.room = 100;
  EXPECT_TRUE(channel_->Send(NodeFrameType::kConsole, 1, first));
  EXPECT_TRUE(channel_->Send(NodeFrameType::kLog, 2, second));
  EXPECT_FALSE(channel_->Flush()) << "the link is full";
  EXPECT_EQ(link_.sent.size(), 100u);
  link_.room = SIZE_MAX;
  EXPECT_TRUE(channel_->Flush());
  link_.incoming.assign(link_.sent.begin(), link_.sent.end());
  EXPECT_EQ(channel_->Receive(collector_), Status::kOk);
  const std::vector<Frame> expected = {{NodeFrameType::kConsole, 1, first},
                                       {NodeFrameType::kLog, 2, second}};
  EXPECT_TRUE(collector_.frames == expected);
}

TEST_F(NodeChannelTest, RoomIsWhatSendTakes) {
  link_.room = 0;
  size_t total = 0;
  while (const size_t room = channel_->Room()) {
    EXPECT_FALSE(channel_->Send(NodeFrameType::kConsole, 0, std::string(room + 1, 'x')));
    EXPECT_TRUE(channel_->Send(NodeFrameType::kConsole, 0, std::string(room, 'x')));
    total += room;
  }
  EXPECT_LE(total, kNodeWindowBytes);
  EXPECT_FALSE(channel_->Send(NodeFrameType::kConsole, 0, std::string_view("x")));
  // With the link it is still under way: only who took it makes room.
  link_.room = 40 * 1024;
  EXPECT_FALSE(channel_->Flush());
  EXPECT_EQ(channel_->Room(), 0u);
  Taken(2000, 1);
  EXPECT_EQ(channel_->Room(), 2000 - sizeof(NodeFrameHeader));
  EXPECT_TRUE(channel_->Send(NodeFrameType::kConsole, 0, std::string(1000, 'y')));
  link_.room = SIZE_MAX;
  EXPECT_TRUE(channel_->Flush());
  link_.incoming.assign(link_.sent.begin(), link_.sent.end());
  EXPECT_EQ(channel_->Receive(collector_), Status::kOk);
  size_t received = 0;
  for (const Frame& frame : collector_.frames) received += frame.payload.size();
  EXPECT_EQ(received, total + 1000);
}

TEST_F(NodeChannelTest, SmallFramesAreBoundedInNumber) {
  uint32_t sent = 0;
  while (channel_->Send(NodeFrameType::kLog, 0, std::string_view("x"))) ++sent;
  EXPECT_EQ(sent, kNodeWindowFrames);
  EXPECT_EQ(channel_->Room(), 0u);
  Taken(17, 1);
  EXPECT_TRUE(channel_->Send(NodeFrameType::kLog, 0, std::string_view("x")));
  EXPECT_FALSE(channel_->Send(NodeFrameType::kLog, 0, std::string_view("x")));
}

TEST_F(NodeChannelTest, NobodyTakesMoreThanWasSent) {
  EXPECT_TRUE(channel_->Send(NodeFrameType::kLog, 0, std::string_view("x")));
  Arrive(NodeFrameType::kTaken, 0, std::string_view("\x12\0\0\0\1\0\0\0", 8));
  EXPECT_EQ(channel_->Receive(collector_), Status::kCorrupt);
}

}  // namespace
}  // namespace bulkhead
