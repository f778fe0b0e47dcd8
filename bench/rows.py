# SPDX-License-Identifier: Apache-2.0
# Copyright The Bulkhead Authors
"""The rows that tools/bench measures, and their targets."""

import dataclasses
import os
import subprocess

import output
from machine import MIB, BenchError

NAMES = ["exit_hypervisor", "exit_vmm", "boot_to_userspace", "memory_node", "memory_vmm"]
POD_MEMORY = 256 * MIB
COMMAND_LINE = "panic=-1 reboot=a quiet loglevel=4"


@dataclasses.dataclass
class Row:
    """A figure, the bare one from the same run, and the most it may be."""
    machine: str
    name: str
    value: int
    unit: str
    bare: int
    target: int
    target_text: str

    @property
    def met(self):
        return self.value <= self.target

    def as_json(self):
        return {"row": self.name, "machine": self.machine, "system": "bulkhead",
                "value": self.value, "unit": self.unit, "bare": self.bare}


def is_last(line):
    return line.endswith("measured all 0")


def exits(bench):
    """The two rows of exits: the same code as a guest of the bare loop and of Bulkhead."""
    kind = bench.kind
    bare = output.measured(bench.run_bare(bench.built(f"bench/bare_exits_{kind.cpu}"), is_last))
    pod = output.measured(bench.run_pod(
        bench.built(kind.testguest), None, "testguest.mode=measure", 32 * MIB, is_last))
    for name, (event, target) in (("exit_hypervisor", kind.exit_hypervisor),
                                  ("exit_vmm", kind.exit_vmm)):
        if event not in bare or event not in pod:
            raise BenchError(f"the guest did not print '{event}'")
        yield Row(kind.name, name, pod[event], "instructions", bare[event], target, f"at most {target}")


def run_tool(bench, name, *arguments):
    """What one of our host programs prints."""
    made = subprocess.run([bench.built(name), *arguments], stdout=subprocess.PIPE, check=False)
    if made.returncode != 0:
        raise BenchError(f"{name} failed (see above)")
    return made.stdout


def cache():
    return os.environ.get("BULKHEAD_CACHE") or os.path.expanduser("~/.cache/bulkhead")


def unpack_kernel(bench, packaged):
    """The path of a packaged kernel as `bulkhead run` unpacks it."""
    return run_tool(bench, "bench/unpack_kernel", bench.kind.debian, packaged,
                    cache()).decode().strip()


def linux(bench):
    """The stock kernel as `bulkhead run` unpacks it, and the pods' initramfs with an init that
    tells the time."""
    packaged = os.path.join(cache(), "kernel", bench.kind.debian, "vmlinuz")
    if not os.path.exists(packaged):
        raise BenchError(f"the guest kernel {packaged} is missing; run tools/setup")
    kernel = unpack_kernel(bench, packaged)
    initramfs = run_tool(bench, "guest/initramfs/make_initramfs",
                         bench.built("bench/first_instruction_" + bench.kind.cpu),
                         os.path.join(cache(), "kernel", bench.kind.debian, "modules"))
    return kernel, bench.file("initramfs", initramfs)


def is_userspace(line):
    return "measured userspace" in line


def boot(bench):
    """From the VMM's first instruction to the guest's first user-space instruction. Without a
    hypervisor: from the machine's reset."""
    kind = bench.kind
    kernel, initramfs = linux(bench)
    command_line = COMMAND_LINE + kind.command_line
    bare = output.measured(bench.run_plain(
        [*kind.plain, "-m", f"{POD_MEMORY // MIB}M", "-kernel", kernel, "-initrd", initramfs,
         "-append", command_line], is_userspace))
    lines = bench.run_pod(kernel, initramfs, command_line, POD_MEMORY, is_userspace)
    times = output.start_times(lines)
    if times is None:
        raise BenchError("the VMM's log does not say when it started")
    vmm, guest = times
    value = output.measured(lines)["userspace"] + (guest - vmm) * kind.tick
    target = bare["userspace"] * kind.boot_percent // 100
    yield Row(kind.name, "boot_to_userspace", value, "instructions", bare["userspace"], target,
              f"at most {kind.boot_percent / 100:.2f} times bare")


def memory(bench):
    """Memory beyond the guest's and the bundle; without a hypervisor there is none."""
    lines = bench.run_pod(
        bench.built(bench.kind.testguest), None, "testguest.mode=poweroff", POD_MEMORY,
        lambda line: output.memory([line]) is not None)
    hypervisor, supervisor, vmm = output.memory(lines)
    machine = bench.kind.name
    yield Row(machine, "memory_node", hypervisor + supervisor, "bytes", 0, 6 * MIB, "at most 6 MiB")
    yield Row(machine, "memory_vmm", vmm, "bytes", 0, 2 * MIB, "at most 2 MiB")


MEASUREMENTS = ((exits, NAMES[0:2]), (boot, NAMES[2:3]), (memory, NAMES[3:5]))


def measure(bench, wanted):
    """The wanted rows, in the order of NAMES."""
    measured = []
    for function, names in MEASUREMENTS:
        if any(name in wanted and name in bench.kind.rows for name in names):
            measured += [row for row in function(bench) if row.name in wanted]
    return measured


def table(measured):
    """The rows for people."""
    lines = [("machine", "row", "value", "unit", "bare", "target", "")]
    for row in measured:
        lines.append((row.machine, row.name, f"{row.value:,}", row.unit, f"{row.bare:,}", row.target_text,
                      "met" if row.met else "MISSED"))
    widths = [max(len(line[column]) for line in lines) for column in range(7)]
    right = (2, 4)
    return "\n".join(
        "  ".join(cell.rjust(width) if column in right else cell.ljust(width)
                  for column, (cell, width) in enumerate(zip(line, widths))).rstrip()
        for line in lines)
