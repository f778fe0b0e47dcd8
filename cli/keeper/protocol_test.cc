// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "cli/keeper/protocol.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

namespace bulkhead {
namespace {

TEST(ControlDecoder, FramesInPiecesOfEverySize) {
  const std::string stream = EncodeControlFrame(ControlFrame::kStdout, "a line\n") +
                             EncodeControlFrame(ControlFrame::kAnswer, "");
  for (size_t piece = 1; piece <= stream.size(); ++piece) {
    ControlDecoder decoder(100);
    std::string seen;
    for (size_t at = 0; at < stream.size(); at += piece) {
      decoder.Feed({stream.data() + at, std::min(piece, stream.size() - at)});
      while (const auto frame = decoder.Next()) {
        seen += std::to_string(static_cast<int>(frame->type)) + frame->payload + ";";
      }
    }
    EXPECT_EQ(seen, "4a line\n;2;");
    EXPECT_FALSE(decoder.broken());
  }
}

TEST(ControlDecoder, WhatBreaksARuleEndsTheStream) {
  const std::string good = EncodeControlFrame(ControlFrame::kRequest, "0123456789");
  for (const size_t at : {size_t{0}, size_t{4}, size_t{5}}) {
    std::string bad = good;
    bad[at] = 99;
    ControlDecoder decoder(10);
    decoder.Feed(bad + good);
    EXPECT_FALSE(decoder.Next().has_value());
    EXPECT_TRUE(decoder.broken());
  }
  ControlDecoder decoder(9);
  decoder.Feed(good);
  EXPECT_FALSE(decoder.Next().has_value());
  EXPECT_TRUE(decoder.broken());
}

TEST(ControlRequest, IsWhatWasAsked) {
  ControlRequest request;
  request.kind = RequestKind::kLogs;
  request.pods = {"web-0"};
  request.container = "hello";
  request.follow = true;
  request.tail = 10;
  const auto parsed = ParseRequest(EncodeRequest(request));
  ASSERT_TRUE(parsed.ok());
  EXPECT_EQ(parsed->kind, RequestKind::kLogs);
  EXPECT_EQ(parsed->pods, request.pods);
  EXPECT_EQ(parsed->container, "hello");
  EXPECT_TRUE(parsed->follow);
  EXPECT_EQ(parsed->tail, 10u);
  EXPECT_FALSE(parsed->grace_seconds.has_value());
}

TEST(ControlRequest, RubbishIsRefused) {
  for (const char* text :
       {"", "[]", "{", R"({"request":"status"})", R"({"version":1,"request":"dance"})",
        R"({"version":1,"request":"stop"})", R"({"version":1,"request":"logs","pods":["a","b"]})",
        R"({"version":1,"request":"down","grace":-1})",
        R"({"version":1,"request":"down","grace":1e30})",
        R"({"version":1,"request":"logs","tail":"all"})"}) {
    EXPECT_FALSE(ParseRequest(text).ok()) << text;
  }
  const auto other = ParseRequest(R"({"version":2,"request":"status"})");
  EXPECT_NE(std::string(other.status().message()).find("version"), std::string::npos);
}

}  // namespace
}  // namespace bulkhead
