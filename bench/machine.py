# SPDX-License-Identifier: Apache-2.0
# Copyright The Bulkhead Authors
"""Runs machines: emulators with a clock that counts instructions."""

import contextlib
import os
import selectors
import shutil
import socket
import subprocess
import sys
import time

from output import FrameError, FrameReader

COMMON = ["-accel", "tcg", "-icount", "shift=0,sleep=off", "-smp", "1", "-nodefaults",
          "-no-user-config", "-display", "none", "-no-reboot"]
TIMEOUT = 600  # seconds without the result: far more than a loaded machine needs
MIB = 1 << 20


class BenchError(Exception):
    """What the user has to be told."""


def make_bundle(files):
    """A cpio newc archive of (name, bytes), each file's data on a page (boot/bundle.h): the name's
    field takes the padding."""
    archive = bytearray()
    for inode, (name, data) in enumerate(files + [("TRAILER!!!", b"")], 1):
        start = len(archive) + 110
        length = -(-(start + len(name) + 1) // 4096) * 4096 - start
        mode = 0o100644 if data else 0
        archive += ("070701" + "".join(
            f"{word:08x}" for word in (inode, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, length, 0)
        )).encode()
        archive += name.encode().ljust(length, b"\0") + data
        archive += bytes(-len(archive) % 4)
    return bytes(archive)


class Bench:
    """Runs machines of a kind (machines.py) one after the other, with their files in `directory`.
    This one: in QEMU."""

    def __init__(self, kind, root, directory, verbose):
        self.kind = kind
        self.root = root
        self.directory = directory
        self.verbose = verbose
        if shutil.which(kind.emulator) is None:
            raise BenchError(f"{kind.emulator} is missing; run tools/setup")

    def built(self, path):
        return os.path.join(self.root, "bazel-bin", path)

    def file(self, name, contents):
        path = os.path.join(self.directory, name)
        with open(path, "wb") as out:
            out.write(contents)
        return path

    def read(self, path):
        with open(path, "rb") as file:
            return file.read()

    def run_plain(self, arguments, until):
        """Runs QEMU with the serial port as its output. Returns what it printed, up to the line
        for which `until` is true."""
        return self._run(arguments + ["-serial", "chardev:out"], until, None)

    def run_bare(self, kernel, until):
        """Runs bench's own loop."""
        return self.run_plain([*self.kind.bare, "-m", "64M", "-kernel", kernel], until)

    def make_pod(self, kernel, initramfs, command_line, memory):
        """The bundle's file for one pod, with a debug UART, and the MiB of memory for its node."""
        cpu = self.kind.cpu
        config = (f"version=1\nmemory={memory}\ncpus=1\ncmdline={command_line}\n"
                  "debug_uart=1\n").encode()
        files = [("hypervisor", self.read(self.built(f"hypervisor/hypervisor_{cpu}.elf"))),
                 ("supervisor", self.read(self.built(f"control/supervisor_{cpu}.elf"))),
                 ("vmm", self.read(self.built(f"vmm/vmm_{cpu}.elf"))),
                 ("pods/bench/pod", config),
                 ("pods/bench/kernel", self.read(kernel))]
        if initramfs:
            files.append(("pods/bench/initramfs", self.read(initramfs)))
        bundle = make_bundle(files)
        return self.file("bundle", bundle), (memory + len(bundle)) // MIB + 96

    def run_pod(self, kernel, initramfs, command_line, memory, until):
        """Runs one pod on Bulkhead. Returns what hypervisor, supervisor, VMM and guest printed, in
        lines, up to the one for which `until` is true."""
        bundle, mib = self.make_pod(kernel, initramfs, command_line, memory)
        arguments = [*self.kind.node, "-m", f"{mib}M",
                     "-kernel", self.built(self.kind.boot_image), "-initrd", bundle,
                     "-device", "virtio-serial-pci,max_ports=1",
                     "-device", "virtconsole,chardev=out", "-serial", "chardev:com1"]
        return self._run(arguments, until, FrameReader())

    def _run(self, arguments, until, frames):
        """`frames` takes the node channel apart; None: the output is plain text."""
        ours, theirs = socket.socketpair()
        log, log_theirs = socket.socketpair()
        command = [self.kind.emulator, "-cpu", self.kind.processor] + COMMON + arguments
        command += ["-chardev", f"socket,id=out,fd={theirs.fileno()}"]
        fds = [theirs.fileno()]
        if frames:
            command += ["-chardev", f"socket,id=com1,fd={log_theirs.fileno()}"]
            fds.append(log_theirs.fileno())
        if self.verbose:
            print("+ " + " ".join(command), file=sys.stderr)
        with ours, log, subprocess.Popen(command, pass_fds=fds, stdin=subprocess.DEVNULL,
                                         stderr=subprocess.PIPE) as process:
            theirs.close()
            log_theirs.close()
            try:
                return self._collect(process, ours, log, until, frames)
            finally:
                process.kill()

    def _collect(self, process, out, log, until, frames):
        lines = []
        partial = {stream: b"" for stream in (out, log) if stream}
        deadline = time.monotonic() + TIMEOUT
        with selectors.DefaultSelector() as selector:
            for stream in partial:
                selector.register(stream, selectors.EVENT_READ)
            while selector.get_map():
                for key, _ in selector.select(max(0, deadline - time.monotonic())):
                    data = os.read(key.fd, 65536)
                    if not data:
                        selector.unregister(key.fileobj)
                    if frames and key.fileobj is out:
                        data = frames.feed(data)
                        # A node that has powered off listens no more, but what it said is there.
                        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                            out.sendall(frames.acknowledgement())
                    *complete, partial[key.fileobj] = (partial[key.fileobj] + data).split(b"\n")
                    for line in complete:
                        lines.append(line.decode(errors="replace").rstrip("\r"))
                        if self.verbose:
                            print(lines[-1], file=sys.stderr)
                        if until(lines[-1]):
                            return lines
                if time.monotonic() >= deadline:
                    raise BenchError(f"no result within {TIMEOUT} seconds; the last lines were:\n"
                                     + "\n".join(lines[-10:]))
        errors = process.stderr.read().decode(errors="replace")
        raise BenchError(f"{self.kind.emulator} ended without a result; the last lines were:\n"
                         + "\n".join(lines[-10:] + [errors]))


class BochsBench(Bench):
    """In Bochs, whose TSC counts instructions by itself. It boots from a CD, and a node's channel is
    its second UART."""

    def run_bare(self, kernel, until):
        return self._run_bochs([kernel], 64, until, None)

    def run_pod(self, kernel, initramfs, command_line, memory, until):
        bundle, mib = self.make_pod(kernel, initramfs, command_line, memory)
        return self._run_bochs([self.built(self.kind.boot_image), bundle], mib, until, FrameReader())

    def _run_bochs(self, files, mib, until, frames):
        """`files`: what GRUB starts, and its module."""
        reader, serial = os.pipe()
        with socket.create_server(("127.0.0.1", 0)) as listener, os.fdopen(reader, "rb", 0) as log:
            listener.settimeout(TIMEOUT)
            port = listener.getsockname()[1] if frames else 0
            made = subprocess.run(
                [self.built("bench/bochs_machine"), self.directory, str(mib), str(serial), str(port),
                 *files], stdout=subprocess.PIPE, text=True, check=False)
            if made.returncode != 0:
                raise BenchError("the machine could not be made (see above)")
            command = made.stdout.splitlines()
            if self.verbose:
                print("+ " + " ".join(command), file=sys.stderr)
            with subprocess.Popen(command, cwd=self.directory, pass_fds=[serial],
                                  stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                  stderr=subprocess.PIPE, start_new_session=True) as process:
                os.close(serial)
                try:
                    if not frames:
                        return self._collect(process, log, None, until, None)
                    channel, _ = listener.accept()
                    with channel:
                        return self._collect(process, channel, log, until, frames)
                finally:
                    process.kill()


def make_bench(kind, *arguments):
    return (BochsBench if kind.emulator == "bochs" else Bench)(kind, *arguments)


__all__ = ["BenchError", "FrameError", "MIB", "make_bench"]
