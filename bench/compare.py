# SPDX-License-Identifier: Apache-2.0
# Copyright The Bulkhead Authors
"""tools/bench --peers: the same rows on Bulkhead, KVM and Xen, each measured twice."""

import concurrent.futures
import tempfile

import machine
import output
import peers
import rows
from machine import MIB, BenchError

SYSTEMS = ("bulkhead", "kvm", "xen")
# Name, what it is, unit, and what the test guest calls it if it measures it.
ROWS = (
    ("cpuid", "CPUID, leaf 1", "instructions", "cpuid-1"),
    ("hypercall", "hypercall that does nothing", "instructions", "hypercall"),
    ("msr_read", "MSR read (x2APIC id)", "instructions", "x2apic-id"),
    ("msr_write", "MSR write (x2APIC end of interrupt)", "instructions", "x2apic-eoi"),
    ("mmio_read", "MMIO read, virtio device of the VMM", "instructions", "virtio-load"),
    ("boot_to_userspace", "VMM start to guest's user space", "instructions", None),
    ("power_on", "power-on to the first VMM's start", "instructions", None),
    ("memory_node", "memory of the node beyond guests", "bytes", None),
    ("memory_vmm", "memory of one pod beyond its own", "bytes", None),
)
NOT_MEASURED = (
    ("doorbell", "virtio doorbell", "not measured yet on any: the test guest sets up no queue here"),
    ("timer", "timer, programmed to fired", "not measured yet on any"),
    ("ipi", "IPI between two vCPUs", "Bulkhead's guests have one vCPU so far, and -icount runs vCPUs "
     "of the machine in turns on one thread: the figure would be the scheduler's"),
)
NO_DEVICE = "a PVH guest has no device model"
NO_VMM = "no hypervisor"


def exit_rows(measured, missing):
    return {name: measured.get(event, missing.get(name, "the test guest cannot measure it"))
            for name, _, _, event in ROWS if event}


def bare(bench):
    """Without a hypervisor: the shortest loop around VMRUN, and the plain machine."""
    measured = output.measured(bench.run_bare(bench.built("bench/bare_exits_" + bench.kind.cpu),
                                              rows.is_last))
    kernel, initramfs = rows.linux(bench)
    lines = bench.run_plain(
        [*bench.kind.plain, "-m", f"{rows.POD_MEMORY // MIB}M", "-kernel", kernel, "-initrd",
         initramfs, "-append", rows.COMMAND_LINE + bench.kind.command_line], rows.is_userspace)
    return {**exit_rows(measured, {"hypercall": "the bare loop skips instructions of two bytes",
                                   "mmio_read": NO_VMM}),
            "boot_to_userspace": output.measured(lines)["userspace"], "power_on": NO_VMM,
            "memory_node": 0, "memory_vmm": 0}


def bulkhead(bench):
    kind = bench.kind
    measured = output.measured(bench.run_pod(
        bench.built(kind.testguest), None, "testguest.mode=measure", 32 * MIB, rows.is_last))
    kernel, initramfs = rows.linux(bench)
    lines = bench.run_pod(kernel, initramfs, rows.COMMAND_LINE + kind.command_line, rows.POD_MEMORY,
                          rows.is_userspace)
    vmm, guest = output.start_times(lines)
    memory = {row.name: row.value for row in rows.memory(bench)}
    return {**exit_rows(measured, {}), "power_on": vmm * kind.tick,
            "boot_to_userspace": output.measured(lines)["userspace"] + (guest - vmm) * kind.tick,
            **memory}


def peer(lines):
    """The rows that every peer prints alike, and its lines of either guest."""
    exits, boot = output.peer_parts(lines)
    instructions = output.peer_boot(boot)
    if instructions is None:
        raise BenchError("a peer did not start Linux; with --verbose it says more")
    measured = output.measured(exits)
    return {**exit_rows(measured, {"mmio_read": NO_DEVICE}), "power_on": measured["vmm-start"],
            "boot_to_userspace": instructions}, exits, boot


def node_kib(lines):
    """KiB that a Linux has to give or to its initramfs, which stands for a disk."""
    memory = output.numbers(lines, "memory-MemAvailable", "memory-Shmem")
    return memory["memory-MemAvailable"] + memory["memory-Shmem"]


def kvm(bench, tree):
    result, exits, boot = peer(peers.kvm(bench, tree, guest(bench)))
    vmm = output.numbers(boot, "vmm-Pss", "vmm-guest")
    return {**result, "memory_node": peers.KVM_MEMORY * MIB - node_kib(exits) * 1024,
            "memory_vmm": (vmm["vmm-Pss"] - vmm["vmm-guest"]) * 1024}


def xen(bench, tree):
    result, exits, boot = peer(peers.xen(bench, tree, guest(bench)))
    free = [output.numbers(part, "xen-free_memory")["xen-free_memory"] * MIB for part in (exits, boot)]
    # What dom0 holds, it keeps from guests; what it could give back is no cost.
    dom0 = [node_kib(part) * 1024 for part in (exits, boot)]
    return {**result, "memory_node": peers.XEN_MEMORY * MIB - free[0] - dom0[0],
            "memory_vmm": free[0] - free[1] - rows.POD_MEMORY + dom0[0] - dom0[1]}


def guest(bench):
    return (*rows.linux(bench), rows.COMMAND_LINE + bench.kind.command_line)


def measure(kind, root, verbose):
    """Results of bare and SYSTEMS: two dictionaries of row to number, or to why there is none."""
    directory = peers.fetch(root, kind.debian)

    def run(system):
        with tempfile.TemporaryDirectory(prefix="bulkhead-bench.") as work:
            bench = machine.make_bench(kind, root, work, verbose)
            if system in ("bare", "bulkhead"):
                return globals()[system](bench)
            return globals()[system](bench, peers.Tree(directory, kind.debian))

    # Two machines at a time: their clocks count instructions, whatever else this machine does.
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        runs = {system: [pool.submit(run, system) for _ in range(2)]
                for system in ("kvm", "xen", "bulkhead", "bare")}
        return {system: [future.result() for future in futures] for system, futures in runs.items()}
