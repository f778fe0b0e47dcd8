// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "vmm/x86_64/mmio_decoder.h"

#include <optional>
#include <random>
#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace bulkhead {
namespace {

using Bytes = std::vector<uint8_t>;

// Every register has a value of its own: byte k of register i is 0x10 * k + i.
GprFile SampleRegisters() {
  GprFile gpr;
  for (uint64_t i = 0; i < gpr.size(); ++i) gpr[i] = 0x7060504030201000 + 0x0101010101010101 * i;
  return gpr;
}

constexpr uint64_t kDevice = 0x8899aabbccddeeff;

struct Case {
  const char* text;
  CpuMode mode;
  Bytes bytes;
  int width;
  bool reads;
  std::optional<uint64_t> written;
  int changed = -1;  // register, and its value after
  uint64_t value = 0;
};

const Case kCases[] = {
    {"mov (%rdi), %eax", CpuMode::k64, {0x8b, 0x07}, 4, true, {}, 0, 0xccddeeff},
    {"mov %eax, (%rdi)", CpuMode::k64, {0x89, 0x07}, 4, false, 0x30201000},
    {"mov (%rdi), %ah", CpuMode::k64, {0x8a, 0x27}, 1, true, {}, 0, 0x706050403020ff00},
    {"mov %sil, 0x70(%rdi)", CpuMode::k64, {0x40, 0x88, 0x77, 0x70}, 1, false, 0x06},
    {"mov %bh, (%rdx)", CpuMode::k64, {0x88, 0x3a}, 1, false, 0x13},
    {"mov %r9w, (%rdi)", CpuMode::k64, {0x66, 0x44, 0x89, 0x0f}, 2, false, 0x1909},
    {"mov (%rdi,%rcx,8), %r15", CpuMode::k64, {0x4c, 0x8b, 0x3c, 0xcf}, 8, true, {}, 15, kDevice},
    {"mov %r15, (%rdi)", CpuMode::k64, {0x4c, 0x89, 0x3f}, 8, false, 0x7f6f5f4f3f2f1f0f},
    {"movl $0x12345678, 0x10(%rbx)",
     CpuMode::k64,
     {0xc7, 0x43, 0x10, 0x78, 0x56, 0x34, 0x12},
     4,
     false,
     0x12345678},
    {"movq $-2, (%rbx)",
     CpuMode::k64,
     {0x48, 0xc7, 0x03, 0xfe, 0xff, 0xff, 0xff},
     8,
     false,
     0xfffffffffffffffe},
    {"movb $0x7f, (%rbx)", CpuMode::k64, {0xc6, 0x03, 0x7f}, 1, false, 0x7f},
    {"movw $0x9234, (%rbx)", CpuMode::k64, {0x66, 0xc7, 0x03, 0x34, 0x92}, 2, false, 0x9234},
    {"mov (%rdi), %cx", CpuMode::k64, {0x66, 0x8b, 0x0f}, 2, true, {}, 1, 0x716151413121eeff},
    {"movzbl (%rdi), %r8d", CpuMode::k64, {0x44, 0x0f, 0xb6, 0x07}, 1, true, {}, 8, 0xff},
    {"movzwl (%rdi), %ecx", CpuMode::k64, {0x0f, 0xb7, 0x0f}, 2, true, {}, 1, 0xeeff},
    {"movzbw (%rdi), %cx",
     CpuMode::k64,
     {0x66, 0x0f, 0xb6, 0x0f},
     1,
     true,
     {},
     1,
     0x71615141312100ff},
    {"movsbq (%rdi), %rdx", CpuMode::k64, {0x48, 0x0f, 0xbe, 0x17}, 1, true, {}, 2, ~uint64_t{0}},
    {"movswl (%rdi), %edx", CpuMode::k64, {0x0f, 0xbf, 0x17}, 2, true, {}, 2, 0xffffeeff},
    {"movslq (%rdi), %rdx", CpuMode::k64, {0x48, 0x63, 0x17}, 4, true, {}, 2, 0xffffffffccddeeff},
    {"movnti %eax, (%rdi)", CpuMode::k64, {0x0f, 0xc3, 0x07}, 4, false, 0x30201000},
    {"xchg %eax, (%rdi)", CpuMode::k64, {0x87, 0x07}, 4, true, 0x30201000, 0, 0xccddeeff},
    {"andl $-2, (%rdi)", CpuMode::k64, {0x83, 0x27, 0xfe}, 4, true, 0xccddeefe},
    {"lock or %eax, (%rdi)", CpuMode::k64, {0xf0, 0x09, 0x07}, 4, true, 0xfcfdfeff},
    {"xor (%rdi), %cl", CpuMode::k64, {0x32, 0x0f}, 1, true, {}, 1, 0x71615141312111fe},
    {"add %eax, (%rdi)", CpuMode::k64, {0x01, 0x07}, 4, true, 0xfcfdfeff},
    {"sub (%rdi), %eax", CpuMode::k64, {0x2b, 0x07}, 4, true, {}, 0, 0x63422101},
    {"cmpl $5, (%rdi)", CpuMode::k64, {0x83, 0x3f, 0x05}, 4, true, {}},
    {"testb $1, (%rdi)", CpuMode::k64, {0xf6, 0x07, 0x01}, 1, true, {}},
    {"movabs 0x1122334455667788, %eax",
     CpuMode::k64,
     {0xa1, 0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11},
     4,
     true,
     {},
     0,
     0xccddeeff},
    {"mov (%edi), %eax", CpuMode::k32, {0x8b, 0x07}, 4, true, {}, 0, 0xccddeeff},
    {"mov 0xd0000000, %eax", CpuMode::k32, {0xa1, 0, 0, 0, 0xd0}, 4, true, {}, 0, 0xccddeeff},
    {"mov %cx, (%edi)", CpuMode::k32, {0x66, 0x89, 0x0f}, 2, false, 0x1101},
    {"mov %al, 0x12345678", CpuMode::k32, {0xa2, 0x78, 0x56, 0x34, 0x12}, 1, false, 0x00},
    {"mov (%bx), %ax", CpuMode::k16, {0x8b, 0x07}, 2, true, {}, 0, 0x706050403020eeff},
    {"mov (%edi), %eax", CpuMode::k16, {0x67, 0x66, 0x8b, 0x07}, 4, true, {}, 0, 0xccddeeff},
};

TEST(MmioDecoderTest, Instructions) {
  for (const Case& test : kCases) {
    SCOPED_TRACE(test.text);
    Bytes bytes = test.bytes;
    bytes.resize(kMaxInstructionLength, 0x90);  // what follows must not matter
    const auto decoded = DecodeMmio(bytes, test.mode);
    ASSERT_TRUE(decoded.ok()) << StatusName(decoded.status());
    EXPECT_EQ(decoded->length, test.bytes.size());
    EXPECT_EQ(decoded->width, test.width);
    EXPECT_EQ(decoded->reads, test.reads);
    EXPECT_EQ(decoded->writes, test.written.has_value());
    EXPECT_FALSE(decoded->is_string());
    GprFile gpr = SampleRegisters();
    uint64_t rflags = 2;
    const uint64_t written = CompleteMmio(*decoded, kDevice, gpr, rflags);
    if (test.written) EXPECT_EQ(written, *test.written);
    GprFile expected = SampleRegisters();
    if (test.changed >= 0) expected[test.changed] = test.value;
    EXPECT_EQ(gpr, expected);
  }
}

// Cut short at any place, an instruction is an error or (never here) a shorter one.
TEST(MmioDecoderTest, Truncated) {
  for (const Case& test : kCases) {
    for (size_t length = 0; length < test.bytes.size(); ++length) {
      EXPECT_EQ(DecodeMmio({test.bytes.data(), length}, test.mode).status(), Status::kCorrupt)
          << test.text << " cut to " << length;
    }
  }
}

TEST(MmioDecoderTest, StringInstructions) {
  const struct {
    Bytes bytes;
    MmioOperation operation;
    int width, address_width;
    bool repeat, reads, writes;
    SegmentIndex segment;
  } kStrings[] = {
      {{0xf3, 0xab}, MmioOperation::kStoreString, 4, 8, true, false, true, kSegDs},
      {{0xaa}, MmioOperation::kStoreString, 1, 8, false, false, true, kSegDs},
      {{0xf3, 0x67, 0xab}, MmioOperation::kStoreString, 4, 4, true, false, true, kSegDs},
      {{0xf3, 0xa5}, MmioOperation::kMoveString, 4, 8, true, true, true, kSegDs},
      {{0xf3, 0x48, 0xa5}, MmioOperation::kMoveString, 8, 8, true, true, true, kSegDs},
      {{0x65, 0xa4}, MmioOperation::kMoveString, 1, 8, false, true, true, kSegGs},
      {{0x66, 0xad}, MmioOperation::kLoadString, 2, 8, false, true, false, kSegDs},
  };
  for (const auto& test : kStrings) {
    const auto decoded = DecodeMmio(test.bytes, CpuMode::k64);
    ASSERT_TRUE(decoded.ok());
    EXPECT_TRUE(decoded->is_string());
    EXPECT_EQ(decoded->operation, test.operation);
    EXPECT_EQ(decoded->length, test.bytes.size());
    EXPECT_EQ(decoded->width, test.width);
    EXPECT_EQ(decoded->address_width, test.address_width);
    EXPECT_EQ(decoded->repeat, test.repeat);
    EXPECT_EQ(decoded->reads, test.reads);
    EXPECT_EQ(decoded->writes, test.writes);
    EXPECT_EQ(decoded->source_segment, test.segment);
  }
}

TEST(MmioDecoderTest, Refused) {
  const struct {
    const char* text;
    Bytes bytes;
    Status status;
  } kRefused[] = {
      {"movdqa (%rdi), %xmm0", {0x66, 0x0f, 0x6f, 0x07}, Status::kNotSupported},
      {"movsd (%rdi), %xmm0", {0xf2, 0x0f, 0x10, 0x07}, Status::kNotSupported},
      {"pushq (%rdi)", {0xff, 0x37}, Status::kNotSupported},
      {"cmpxchg %ecx, (%rdi)", {0x0f, 0xb1, 0x0f}, Status::kNotSupported},
      {"mov %eax, %ebx", {0x89, 0xc3}, Status::kNotSupported},
      {"mov %ds, (%rdi)", {0x8c, 0x1f}, Status::kNotSupported},
      {"incl (%rdi)", {0xff, 0x07}, Status::kNotSupported},
      {"hlt", {0xf4}, Status::kNotSupported},
      {"repne movsb", {0xf2, 0xa4}, Status::kNotSupported},
      {"lock mov %eax, (%rdi)", {0xf0, 0x89, 0x07}, Status::kCorrupt},
      {"not an instruction", {0x06}, Status::kCorrupt},
      {"fifteen prefixes",
       {0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66,
        0x8b, 0x07},
       Status::kCorrupt},
  };
  for (const auto& test : kRefused) {
    EXPECT_EQ(DecodeMmio(test.bytes, CpuMode::k64).status(), test.status) << test.text;
  }
}

#if defined(__x86_64__)
// The machine that runs the test says what the flags and results are.
struct Real {
  uint64_t memory, rax, rflags;
};

// The stack pointer moves first: PUSHF must not write into the red zone.
#define REAL(name, instruction)                                                                    \
  Real name(uint64_t memory, uint64_t rax) {                                                       \
    Real r{memory, rax, 0};                                                                        \
    asm volatile("lea -128(%%rsp), %%rsp\n" instruction "\npushfq\npopq %1\nlea 128(%%rsp), %%rsp" \
                 : "+a"(r.rax), "=&r"(r.rflags)                                                    \
                 : "D"(&r.memory)                                                                  \
                 : "memory", "cc");                                                                \
    return r;                                                                                      \
  }

REAL(AddToMemory, "addl %%eax, (%%rdi)")
REAL(AddFromMemory, "addb (%%rdi), %%al")
REAL(SubToMemory, "subq %%rax, (%%rdi)")
REAL(SubFromMemory, "subw (%%rdi), %%ax")
REAL(CompareMemory, "cmpl %%eax, (%%rdi)")
REAL(AndToMemory, "andl %%eax, (%%rdi)")
REAL(XorFromMemory, "xorq (%%rdi), %%rax")
REAL(TestMemory, "testb %%al, (%%rdi)")

TEST(MmioDecoderTest, ArithmeticAsTheMachineHasIt) {
  const struct {
    Bytes bytes;
    Real (*real)(uint64_t, uint64_t);
    bool auxiliary_defined;
  } kOperations[] = {
      {{0x01, 0x07}, AddToMemory, true},          {{0x02, 0x07}, AddFromMemory, true},
      {{0x48, 0x29, 0x07}, SubToMemory, true},    {{0x66, 0x2b, 0x07}, SubFromMemory, true},
      {{0x39, 0x07}, CompareMemory, true},        {{0x21, 0x07}, AndToMemory, false},
      {{0x48, 0x33, 0x07}, XorFromMemory, false}, {{0x84, 0x07}, TestMemory, false},
  };
  constexpr uint64_t kEdges[] = {0,          1,          0x7f,       0x80,       0xff,
                                 0x7fff,     0x8000,     0xffff,     0x7fffffff, 0x80000000,
                                 0xffffffff, ~0ull >> 1, 1ull << 63, ~0ull};
  std::mt19937_64 random(1);
  for (const auto& operation : kOperations) {
    const auto decoded = DecodeMmio(operation.bytes, CpuMode::k64);
    ASSERT_TRUE(decoded.ok());
    const uint64_t width_mask = decoded->width == 8 ? ~0ull : (1ull << (8 * decoded->width)) - 1;
    uint64_t flags = kFlagCarry | kFlagParity | kFlagZero | kFlagSign | kFlagOverflow;
    if (operation.auxiliary_defined) flags |= kFlagAuxiliary;
    const auto check = [&](uint64_t memory, uint64_t rax) {
      const Real real = operation.real(memory, rax);
      GprFile gpr{};
      gpr[kGprRax] = rax;
      uint64_t rflags = 2;
      const uint64_t out = CompleteMmio(*decoded, memory, gpr, rflags);
      EXPECT_EQ(gpr[kGprRax], real.rax);
      EXPECT_EQ(rflags & flags, real.rflags & flags) << std::hex << memory << " " << rax;
      if (decoded->writes) EXPECT_EQ(out, real.memory & width_mask);
    };
    for (const uint64_t a : kEdges) {
      for (const uint64_t b : kEdges) check(a, b);
    }
    for (int i = 0; i < 200; ++i) check(random(), random());
  }
}
#endif

}  // namespace
}  // namespace bulkhead
