#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Copyright The Bulkhead Authors
#
# tools/symbolize on programs made here: one function each, at the addresses of three programs.
set -euo pipefail
symbolize=$PWD/$1
cd "$TEST_TMPDIR"

make_program() { # NAME ADDRESS
  cat >"$1.cc" <<END
extern "C" int inner_$1(int x) {
  return x + 1;
}
extern "C" int outer_$1(int x) {
  return inner_$1(x)
      * 2;
}
END
  clang++-19 --target=x86_64-none-elf -ffreestanding -g -O0 -c "$1.cc" -o "$1.o"
  ld.lld-19 -Ttext="$2" -e "outer_$1" "$1.o" -o "$1.elf"
  inner=$(llvm-nm-19 "$1.elf" | sed -n "s/^\([0-9a-f]*\) T inner_$1/0x\1/p")
  outer=$(llvm-nm-19 "$1.elf" | sed -n "s/^\([0-9a-f]*\) T outer_$1/0x\1/p")
  # The return address: behind the only call.
  call=0x$(llvm-objdump-19 -d "$1.elf" | grep -A1 callq | tail -n 1 | sed 's/^ *\([0-9a-f]*\):.*/\1/')
}

declare -A trail
for program in hypervisor:0x10000000 supervisor:0x400000 vmm:0x800000; do
  make_program "${program%:*}" "${program#*:}"
  trail[${program%:*}]="$inner $call"
  [[ $((outer)) -lt $((call)) ]]
done

cat >log <<END
bulkhead: started
bulkhead: process 7 is vmm web
bulkhead: backtrace ${trail[hypervisor]}
bulkhead: backtrace process 0 ${trail[supervisor]}
bulkhead: backtrace process 7 ${trail[vmm]}
bulkhead: backtrace process 8 ${trail[vmm]}
END
options=(--hypervisor hypervisor.elf --supervisor supervisor.elf --vmm vmm.elf)
"$symbolize" "${options[@]}" log >from_file
"$symbolize" "${options[@]}" <log >from_stdin
cmp from_file from_stdin

fail() {
  echo "FAILED: $1" >&2
  cat from_file >&2
  exit 1
}
for program in hypervisor supervisor vmm; do
  grep -qE "#0 .* inner_$program  .*$program.cc:1$" from_file || fail "no inner_$program"
  # The call is in line 5; what it returns to may belong to line 6.
  grep -qE "#1 .* outer_$program  .*$program.cc:5$" from_file || fail "no outer_$program, line 5"
done
grep -q "process 8: the log does not say" from_file || fail "no word on process 8"
[[ $(grep -c '^bulkhead: ' from_file) -eq 6 ]] || fail "the log's own lines"

"$symbolize" "${options[@]}" --vmm nowhere.elf log >from_file
grep -q "nowhere.elf is missing" from_file || fail "no word on a missing program"
