#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Copyright The Bulkhead Authors
#
# tools/symbolize on programs made here: two functions each, at the addresses of three programs.
set -euo pipefail
symbolize=$PWD/$1
cd "$TEST_TMPDIR"

make_program() { # NAME ADDRESS ARCHITECTURE
  cat >"$1.cc" <<END
extern "C" int inner_$1(int x) {
  return x + 1;
}
extern "C" int outer_$1(int x) {
  return inner_$1(x)
      * 2;
}
END
  clang++-19 --target="$3-none-elf" -ffreestanding -g -O0 -c "$1.cc" -o "$1.o"
  ld.lld-19 -Ttext="$2" -e "outer_$1" "$1.o" -o "$1.elf"
  inner=$(llvm-nm-19 "$1.elf" | sed -n "s/^\([0-9a-f]*\) T inner_$1/0x\1/p")
  outer=$(llvm-nm-19 "$1.elf" | sed -n "s/^\([0-9a-f]*\) T outer_$1/0x\1/p")
  # The return address: behind the only call.
  call=0x$(llvm-objdump-19 -d "$1.elf" | grep -A1 -E '\<(callq|bl)\>' | tail -n 1 | sed 's/^ *\([0-9a-f]*\):.*/\1/')
}

declare -A trail
for program in hypervisor:0x10000000 supervisor:0x400000 vmm:0x800000; do
  make_program "${program%:*}" "${program#*:}" x86_64
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

# Of which architecture the programs in bazel-bin are, the registers tell; and where the innermost
# function has no frame, the link register names its caller.
mkdir -p tree/tools tree/bazel-bin/hypervisor
cp "$symbolize" tree/tools
make_program hypervisor 0x10000000 aarch64
mv hypervisor.elf tree/bazel-bin/hypervisor/hypervisor_aarch64.elf
cat >log <<END
bulkhead: x0  0x0000000000000001 x1  0x0000000000000002
bulkhead: x28 0x0000000000000001 x29 0x0000000000000002 x30 $call sp  0x0000000000000001
bulkhead: backtrace $inner
bulkhead: x0  0x0000000000000001 x1  0x0000000000000002
bulkhead: x28 0x0000000000000001 x29 0x0000000000000002 x30 $call sp  0x0000000000000001
bulkhead: backtrace $inner $call
bulkhead: rax 0x0000000000000001 rbx 0x0000000000000002
bulkhead: backtrace $inner $call
END
tree/tools/symbolize log >from_file
[[ $(grep -cE "#0 .* inner_hypervisor  .*hypervisor.cc:1$" from_file) -eq 2 ]] || fail "aarch64"
[[ $(grep -cE "#1 .* outer_hypervisor  .*hypervisor.cc:5$" from_file) -eq 1 ]] || fail "its caller"
[[ $(grep -cE "x30 .* outer_hypervisor  .*hypervisor.cc:5$" from_file) -eq 1 ]] || fail "x30"
grep -q "hypervisor_x86_64.elf is missing" from_file || fail "architectures are mixed up"
