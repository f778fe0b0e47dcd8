// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// Instructions that this platform's guests do not have (docs/guest-platform.md), and those that
// only privileged code has.

#include <cstdint>
#include <string_view>

#include "guest/testguest/tap.h"
#include "guest/testguest/x86_64/interrupts.h"
#include "guest/testguest/x86_64/pages.h"
#include "guest/testguest/x86_64/processor_checks.h"
#include "guest/testguest/x86_64/user_mode.h"

namespace bulkhead::testguest {
namespace {

// A page's address: another one raises #GP before anybody asks whether the instruction exists.
alignas(kSmallPage) uint8_t memory_operand[kSmallPage];

// With that address in RAX and RDI, and zeros in RCX and RDX.
#define INSTRUCTION(name, text)                                                                 \
  void name() {                                                                                 \
    asm volatile(text : : "a"(memory_operand), "D"(memory_operand), "c"(0), "d"(0) : "memory"); \
  }

// Written as bytes where assemblers have no name for it.
INSTRUCTION(Ud0, ".byte 0x0f, 0xff, 0xc0")
INSTRUCTION(Ud1, ".byte 0x0f, 0xb9, 0xc0")
INSTRUCTION(Ud2, "ud2")
INSTRUCTION(Rsm, "rsm")
INSTRUCTION(Vmrun, "vmrun %%rax")
INSTRUCTION(Vmload, "vmload %%rax")
INSTRUCTION(Vmsave, "vmsave %%rax")
INSTRUCTION(Stgi, "stgi")
INSTRUCTION(Clgi, "clgi")
INSTRUCTION(Skinit, "skinit %%eax")
INSTRUCTION(Invlpga, "invlpga %%rax, %%ecx")
INSTRUCTION(Vmxon, "vmxon (%%rdi)")
INSTRUCTION(Vmxoff, "vmxoff")
INSTRUCTION(Vmclear, "vmclear (%%rdi)")
INSTRUCTION(Vmptrld, "vmptrld (%%rdi)")
INSTRUCTION(Vmptrst, "vmptrst (%%rdi)")
INSTRUCTION(Vmlaunch, "vmlaunch")
INSTRUCTION(Vmresume, "vmresume")
INSTRUCTION(Vmread, "vmread %%rcx, %%rdx")
INSTRUCTION(Vmwrite, "vmwrite %%rcx, %%rdx")
INSTRUCTION(Invept, "invept (%%rdi), %%rcx")
INSTRUCTION(Invvpid, "invvpid (%%rdi), %%rcx")
INSTRUCTION(Vmfunc, ".byte 0x0f, 0x01, 0xd4")
INSTRUCTION(Getsec, "getsec")
INSTRUCTION(Monitor, "monitor")
INSTRUCTION(Mwait, "mwait")
INSTRUCTION(Monitorx, ".byte 0x0f, 0x01, 0xfa")
INSTRUCTION(Mwaitx, ".byte 0x0f, 0x01, 0xfb")
INSTRUCTION(Rdpru, ".byte 0x0f, 0x01, 0xfd")
INSTRUCTION(Rdpmc, "rdpmc")

struct Refused {
  void (*code)();
  std::string_view name;
};

void CheckUndefined() {
  static constexpr Refused kUndefined[] = {
      {Ud0, "UD0"},           {Ud1, "UD1"},           {Ud2, "UD2"},           {Rsm, "RSM"},
      {Vmrun, "VMRUN"},       {Vmload, "VMLOAD"},     {Vmsave, "VMSAVE"},     {Stgi, "STGI"},
      {Clgi, "CLGI"},         {Skinit, "SKINIT"},     {Invlpga, "INVLPGA"},   {Vmxon, "VMXON"},
      {Vmxoff, "VMXOFF"},     {Vmclear, "VMCLEAR"},   {Vmptrld, "VMPTRLD"},   {Vmptrst, "VMPTRST"},
      {Vmlaunch, "VMLAUNCH"}, {Vmresume, "VMRESUME"}, {Vmread, "VMREAD"},     {Vmwrite, "VMWRITE"},
      {Invept, "INVEPT"},     {Invvpid, "INVVPID"},   {Vmfunc, "VMFUNC"},     {Getsec, "GETSEC"},
      {Monitor, "MONITOR"},   {Mwait, "MWAIT"},       {Monitorx, "MONITORX"}, {Mwaitx, "MWAITX"},
      {Rdpru, "RDPRU"},
  };
  for (const auto& [code, name] : kUndefined) {
    Line line;
    line << name << ": #UD";
    CheckRaises(Try(code), kUndefinedVector, 0, line.view());
  }
  CheckRaises(Try(Rdpmc), kGeneralProtectionVector, 0, "RDPMC: #GP");
}

USER_CODE(UserHlt, "hlt")
USER_CODE(UserCli, "cli")
USER_CODE(UserSti, "sti")
USER_CODE(UserIn, "inb $0x80, %al")
USER_CODE(UserOut, "outb %al, $0x80")
USER_CODE(UserReadCr0, "movq %cr0, %rax")
USER_CODE(UserReadDr7, "movq %dr7, %rax")
USER_CODE(UserClts, "clts")
USER_CODE(UserLmsw, "lmsw %ax")
USER_CODE(UserLgdt, "lgdt -16(%rsp)")
USER_CODE(UserLtr, "ltr %ax")
USER_CODE(UserInvlpg, "invlpg (%rsp)")
USER_CODE(UserWbinvd, "wbinvd")
USER_CODE(UserInvd, "invd")
USER_CODE(UserSwapgs, "swapgs")
USER_CODE(UserRdmsr, "movl $0x802, %ecx; rdmsr")
USER_CODE(UserWrmsr, "movl $0x80b, %ecx; wrmsr")
USER_CODE(UserRdpmc, "xorl %ecx, %ecx; rdpmc")

void CheckPrivileged() {
  static constexpr Refused kPrivileged[] = {
      {UserHlt, "HLT"},
      {UserCli, "CLI"},
      {UserSti, "STI"},
      {UserIn, "IN"},
      {UserOut, "OUT"},
      {UserReadCr0, "MOV from CR0"},
      {UserReadDr7, "MOV from DR7"},
      {UserClts, "CLTS"},
      {UserLmsw, "LMSW"},
      {UserLgdt, "LGDT"},
      {UserLtr, "LTR"},
      {UserInvlpg, "INVLPG"},
      {UserWbinvd, "WBINVD"},
      {UserInvd, "INVD"},
      {UserSwapgs, "SWAPGS"},
      {UserRdmsr, "RDMSR"},
      {UserWrmsr, "WRMSR"},
      {UserRdpmc, "RDPMC"},
  };
  for (const auto& [code, name] : kPrivileged) {
    Line line;
    line << name << " in user mode: #GP";
    CheckRaises(RunInUserMode(code), kGeneralProtectionVector, 0, line.view());
  }
}

USER_CODE(UserVmcall, "movl $1, %eax; vmcall")
USER_CODE(UserVmmcall, "movl $1, %eax; vmmcall")

}  // namespace

void CheckRefused() {
  CheckUndefined();
  CheckPrivileged();
  CheckRaisesNothing(Try([] { asm volatile("wbinvd; invd"); }), "WBINVD and INVD do nothing");
  const Exception got = RunInUserMode(IsAmd() ? UserVmmcall : UserVmcall);
  Check(got.vector == kUndefinedVector && got.rax == static_cast<uint64_t>(int64_t{-1000}),
        "a hypercall of user mode is answered like any other");
}

}  // namespace bulkhead::testguest
