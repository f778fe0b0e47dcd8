// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "guest/testguest/x86_64/interrupts.h"

#include "guest/testguest/machine.h"
#include "guest/testguest/tap.h"
#include "guest/testguest/x86_64/descriptors.h"

extern "C" char interrupt_stubs[];
// catch.S: where a call of Catch goes on, and the stack it has there; 0: nobody catches.
extern "C" char catch_resume[];
extern "C" uint64_t catch_stack;
extern "C" void CatchCall(void (*body)(void* context), void* context);

namespace bulkhead::testguest {
namespace {

struct [[gnu::packed]] Gate {  // AMD APM 2, 4.8.4
  uint16_t offset_low;
  uint16_t selector;
  uint8_t stack;
  uint8_t type;
  uint16_t offset_middle;
  uint32_t offset_high;
  uint32_t reserved;
};
static_assert(sizeof(Gate) == 16);

constexpr uint8_t kInterruptGate = 0xe;
constexpr uint8_t kPresent = 0x80;
constexpr uint64_t kReservedFlag = 1 << 1;
constexpr uint32_t kX2apicEoi = 0x80b;
constexpr uint8_t kFirstInterrupt = 32;

Gate gates[256];
volatile uint64_t counts[256];
ScopedHandler::Handler handlers[256];
Exception caught;

[[noreturn]] void BailOut(const Frame& frame) {
  Line line;
  line << "Bail out! exception " << frame.vector << " error " << Hex{frame.error} << " at "
       << Hex{frame.rip} << " address " << Hex{ReadCr2()} << "\n";
  Print(line.view());
  PowerOff();
}

// Goes on where Catch was called.
void EndBody(Frame& frame) {
  caught = {.vector = frame.vector,
            .error = frame.error,
            .address = frame.vector == kPageFaultVector ? ReadCr2() : 0,
            .rip = frame.rip,
            .rflags = frame.rflags,
            .rsp = frame.rsp,
            .rax = frame.rax};
  frame.rip = reinterpret_cast<uint64_t>(catch_resume);
  frame.rsp = catch_stack;
  frame.cs = kCodeSelector;
  frame.ss = kDataSelector;
  frame.rflags = kReservedFlag;
}

}  // namespace

extern "C" void HandleInterrupt(Frame* frame) {
  if (handlers[frame->vector] != nullptr) {
    handlers[frame->vector](*frame);
  } else if (frame->vector >= kFirstInterrupt) {
    counts[frame->vector] = counts[frame->vector] + 1;
    EndOfInterrupt();
  } else if (catch_stack != 0) {
    EndBody(*frame);
  } else {
    BailOut(*frame);
  }
}

ScopedHandler::ScopedHandler(uint8_t vector, Handler handler)
    : vector_(vector), previous_(handlers[vector]) {
  handlers[vector] = handler;
}
ScopedHandler::~ScopedHandler() { handlers[vector_] = previous_; }

void EndOfInterrupt() { asm volatile("wrmsr" : : "c"(kX2apicEoi), "a"(0), "d"(0) : "memory"); }

uint64_t HandlerAddress(uint8_t vector) {
  return reinterpret_cast<uint64_t>(interrupt_stubs) + uint64_t{vector} * 16;
}

void SetGate(uint8_t vector, const GateOptions& options) {
  const uint64_t stub = HandlerAddress(vector);
  const uint32_t type =
      (options.present ? kPresent : 0u) | uint32_t{options.privilege} << 5 | kInterruptGate;
  gates[vector] = {static_cast<uint16_t>(stub),
                   kCodeSelector,
                   options.stack,
                   static_cast<uint8_t>(type),
                   static_cast<uint16_t>(stub >> 16),
                   static_cast<uint32_t>(stub >> 32),
                   0};
}

void InstallInterrupts() {
  InstallDescriptors();
  for (uint32_t i = 0; i < 256; ++i) SetGate(static_cast<uint8_t>(i));
  const DescriptorTable table = {sizeof(gates) - 1, reinterpret_cast<uint64_t>(gates)};
  asm volatile("lidt %0" : : "m"(table));
}

Exception Catch(void (*body)(void* context), void* context) {
  caught = {};
  CatchCall(body, context);
  return caught;
}

bool CheckRaises(const Exception& got, uint64_t vector, uint64_t error, std::string_view what) {
  const bool ok = Check(got.vector == vector && got.error == error, what);
  if (!ok) {
    Line line;
    line << "# got exception " << got.vector << " error " << Hex{got.error} << " at "
         << Hex{got.rip} << " address " << Hex{got.address} << ", want " << vector << " error "
         << Hex{error} << "\n";
    Print(line.view());
  }
  return ok;
}

bool CheckRaisesNothing(const Exception& got, std::string_view what) {
  return CheckRaises(got, Exception::kNone, 0, what);
}

MsrResult ReadMsr(uint32_t index) {
  uint32_t low = 0, high = 0;
  const Exception got = Try([&] {
    asm volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(index) : "memory");
  });
  return {!got.none(), uint64_t{high} << 32 | low};
}

bool WriteMsr(uint32_t index, uint64_t value) {
  return Try([&] {
           asm volatile("wrmsr"
                        :
                        : "c"(index), "a"(static_cast<uint32_t>(value)),
                          "d"(static_cast<uint32_t>(value >> 32))
                        : "memory");
         })
      .none();
}

uint64_t InterruptCount(uint8_t vector) { return counts[vector]; }

bool HaltUntil(uint8_t vector, uint64_t before) {
  const uint64_t start = ReadTsc();
  while (counts[vector] <= before) {
    if (ReadTsc() - start > kPatience) return false;
    // STI takes effect after HLT: the interrupt cannot come in between (AMD APM 3, STI).
    asm volatile("sti; hlt; cli" : : : "memory");
  }
  return true;
}

}  // namespace bulkhead::testguest
