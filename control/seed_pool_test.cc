// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "control/seed_pool.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "control/sha256.h"

namespace bulkhead {
namespace {

std::span<const std::byte> Bytes(std::string_view text) { return std::as_bytes(std::span(text)); }

std::string HexOf(const Sha256Digest& digest) {
  std::string out;
  for (const std::byte byte : digest) {
    out += "0123456789abcdef"[std::to_integer<int>(byte) >> 4];
    out += "0123456789abcdef"[std::to_integer<int>(byte) & 15];
  }
  return out;
}

// The examples of FIPS 180-2, appendix B, and of NIST's CAVP.
TEST(Sha256, KnownAnswers) {
  EXPECT_EQ(HexOf(Sha256Of({})),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(HexOf(Sha256Of({Bytes("abc")})),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(HexOf(Sha256Of(
                {Bytes("abcdbcdecdefdefgefghfghighijhi"), Bytes("jkijkljklmklmnlmnomnopnopq")})),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(HexOf(Sha256Of({Bytes(std::string(1000000, 'a'))})),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(SeedPool, SeedsDiffer) {
  SeedPool pool;
  pool.Add(Bytes("something"), 0);
  SeedPool same = pool;
  const Sha256Digest first = pool.Take();
  const Sha256Digest second = pool.Take();
  EXPECT_NE(first, second);
  EXPECT_EQ(same.Take(), first) << "nothing else goes in";
  same.Add(Bytes("x"), 0);
  EXPECT_NE(same.Take(), second);
}

TEST(SeedPool, OrderAndPlaceMatter) {
  SeedPool a, b;
  a.Add(Bytes("1"), 0);
  a.Add(Bytes("2"), 0);
  b.Add(Bytes("12"), 0);
  EXPECT_NE(a.Take(), b.Take());
}

TEST(SeedPool, WeakUntilThereIsEnough) {
  SeedPool pool;
  pool.Add(Bytes("the time of day"), 0);
  EXPECT_FALSE(pool.strong());
  pool.Add(Bytes("12345678"), 8);
  EXPECT_FALSE(pool.strong());
  pool.Add(Bytes("12345678"), 8);
  EXPECT_TRUE(pool.strong());
}

}  // namespace
}  // namespace bulkhead
