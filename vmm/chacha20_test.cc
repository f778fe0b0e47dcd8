// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "vmm/chacha20.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace bulkhead {
namespace {

std::vector<std::byte> FromHex(const std::string& hex) {
  std::vector<std::byte> bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes.push_back(static_cast<std::byte>(std::stoi(hex.substr(i, 2), nullptr, 16)));
  }
  return bytes;
}

std::vector<std::byte> Block(const ChaCha20Key& key, uint32_t counter, const std::string& nonce) {
  std::vector<std::byte> out(kChaCha20BlockBytes);
  const auto bytes = FromHex(nonce);
  ChaCha20Block(key, counter, std::span(bytes).first<12>(),
                std::span(out).first<kChaCha20BlockBytes>());
  return out;
}

// RFC 8439, 2.3.2.
TEST(ChaCha20, BlockOfTheText) {
  ChaCha20Key key;
  for (size_t i = 0; i < key.size(); ++i) key[i] = static_cast<std::byte>(i);
  EXPECT_EQ(Block(key, 1, "000000090000004a00000000"),
            FromHex("10f1e7e4d13b5915500fdd1fa32071c4c7d1f4c733c068030422aa9ac3d46c4e"
                    "d2826446079faa0914c2d705d98b02a2b5129cd1de164eb9cbd083e8a2503c4e"));
}

// RFC 8439, A.1, vectors 1, 2 and 4.
TEST(ChaCha20, BlocksOfTheAppendix) {
  ChaCha20Key key = {};
  EXPECT_EQ(Block(key, 0, "000000000000000000000000"),
            FromHex("76b8e0ada0f13d90405d6ae55386bd28bdd219b8a08ded1aa836efcc8b770dc7"
                    "da41597c5157488d7724e03fb8d84a376a43b8f41518a11cc387b669b2ee6586"));
  EXPECT_EQ(Block(key, 1, "000000000000000000000000"),
            FromHex("9f07e7be5551387a98ba977c732d080dcb0f29a048e3656912c6533e32ee7aed"
                    "29b721769ce64e43d57133b074d839d531ed1f28510afb45ace10a1f4b794d6f"));
  key[1] = std::byte{0xff};
  EXPECT_EQ(Block(key, 2, "000000000000000000000000"),
            FromHex("72d54dfbf12ec44b362692df94137f328fea8da73990265ec1bbbea1ae9af0ca"
                    "13b25aa26cb4a648cb9b9d1be65b2c0924a66c54d545ec1b7374f4872e99f096"));
}

TEST(ChaCha20Generator, SameSeedSameBytesHoweverTheyAreTaken) {
  ChaCha20Generator one({}), other({});
  std::vector<std::byte> whole(96), parts(96);
  one.Fill(whole);
  for (size_t at = 0; at < parts.size(); at += 32) other.Fill(std::span(parts).subspan(at, 32));
  EXPECT_EQ(whole, parts);
  EXPECT_FALSE(std::equal(whole.begin(), whole.begin() + 32, whole.begin() + 32));
}

TEST(ChaCha20Generator, FirstBytesAreTheSecondHalfOfABlock) {
  ChaCha20Generator generator({});
  std::vector<std::byte> bytes(32);
  generator.Fill(bytes);
  EXPECT_EQ(bytes, FromHex("da41597c5157488d7724e03fb8d84a376a43b8f41518a11cc387b669b2ee6586"));
}

TEST(ChaCha20Generator, Stirred) {
  ChaCha20Generator plain({}), stirred({});
  stirred.Stir(ChaCha20Key{std::byte{1}});
  std::vector<std::byte> a(32), b(32);
  plain.Fill(a);
  stirred.Fill(b);
  EXPECT_NE(a, b);
}

}  // namespace
}  // namespace bulkhead
