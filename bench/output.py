# SPDX-License-Identifier: Apache-2.0
# Copyright The Bulkhead Authors
"""Takes apart what measured machines print."""

import re
import struct
import zlib

MAGIC = 0x314B4842  # control/node_frame.h
HEADER = struct.Struct("<IBBHII")
CONSOLE, LOG, POD_ENDED, NODE_ERROR, TAKEN = 3, 4, 6, 8, 34


class FrameError(Exception):
    """The node channel carries something that is not its protocol."""


class FrameReader:
    """The node channel as text: the guest's console as it is, everything else a line each."""

    def __init__(self):
        self._bytes = b""
        self._taken = [0, 0]

    def feed(self, data):
        """Takes bytes of the channel, returns bytes of text."""
        self._bytes += data
        text = b""
        while len(self._bytes) >= HEADER.size:
            magic, kind, _, _, length, checksum = HEADER.unpack_from(self._bytes)
            if magic != MAGIC or zlib.crc32(self._bytes[:12]) != checksum:
                raise FrameError("a frame's header does not check")
            if len(self._bytes) < HEADER.size + length:
                break
            payload = self._bytes[HEADER.size:HEADER.size + length]
            self._taken = [self._taken[0] + HEADER.size + length, self._taken[1] + 1]
            self._bytes = self._bytes[HEADER.size + length:]
            if kind == CONSOLE:
                text += payload
            elif kind in (LOG, NODE_ERROR):
                text += payload + b"\n"
            elif kind == POD_ENDED:
                text += b"pod ended: " + payload[4:] + b"\n"
        return text

    def acknowledgement(self):
        """The frame that says how much feed has taken since the last; empty if there was nothing."""
        if not self._taken[1]:
            return b""
        header = HEADER.pack(MAGIC, TAKEN, 0, 0, 8, 0)[:12]
        frame = header + struct.pack("<III", zlib.crc32(header), *self._taken)
        self._taken = [0, 0]
        return frame


def measured(lines):
    """`measured NAME N` lines as a dictionary."""
    matches = (re.search(r"measured (\S+) (\d+)$", line) for line in lines)
    return {match[1]: int(match[2]) for match in matches if match}


def start_times(lines):
    """Counter at the VMM's start and at its guest's, from the VMM's log; None: not there."""
    for line in lines:
        match = re.search(r"vmm started at counter (\d+), its guest at (\d+)$", line)
        if match:
            return int(match[1]), int(match[2])
    return None


def memory(lines):
    """Bytes of hypervisor, supervisor and VMM, from the supervisor's log; None: not there."""
    for line in lines:
        match = re.search(r"memory: hypervisor (\d+), supervisor (\d+), pod \S+ vmm (\d+) bytes",
                          line)
        if match:
            return tuple(int(number) for number in match.groups())
    return None


def numbers(lines, *names):
    """`NAME N` lines as a dictionary, the last of each name; N may be signed or hexadecimal."""
    found = {}
    for line in lines:
        match = re.search(r"(\S+) (-?\d+|0x[0-9a-f]+)$", line)
        if match and match[1] in names:
            found[match[1]] = int(match[2], 0)
    return found


def peer_parts(lines):
    """What a peer printed before and after its second guest, Linux, began."""
    middle = lines.index("boot-begins") if "boot-begins" in lines else len(lines)
    return lines[:middle], lines[middle:]


def peer_boot(lines):
    """Instructions from the start of the VMM to the guest's first in user space: the guest's
    counter is the machine's and an offset, modulo 2**64. None: something is not there."""
    stamps = {**measured(lines), **numbers(lines, "tsc-offset")}
    if not {"vmm-start", "userspace", "tsc-offset"} <= set(stamps):
        return None
    return (stamps["userspace"] - stamps["tsc-offset"] - stamps["vmm-start"]) % 2**64
