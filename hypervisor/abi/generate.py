# SPDX-License-Identifier: Apache-2.0
# Copyright The Bulkhead Authors
"""Makes the caller's stubs, the hypervisor's dispatch and docs/calls.md from calls.toml."""

import sys
import tomllib

HEADER = """// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors
//
// Made from hypervisor/abi/calls.toml by generate.py.

"""
MAX_ARGUMENTS = 6
MAX_RESULTS = 4


def camel(name):
    return "".join(part.capitalize() for part in name.split("_"))


def check(calls):
    for call in calls:
        name = call["name"]
        if len(call["args"]) > MAX_ARGUMENTS:
            sys.exit(f"{name}: more than {MAX_ARGUMENTS} arguments")
        if len(call["results"]) > MAX_RESULTS:
            sys.exit(f"{name}: more than {MAX_RESULTS} results")
        for arg in call["args"]:
            if arg["type"] not in ("handle", "size", "offset", "address", "rights", "word"):
                sys.exit(f"{name}: unknown type {arg['type']}")


def numbers(calls):
    out = HEADER + "#pragma once\n\n#include <cstdint>\n\nnamespace bulkhead::abi {\n\n"
    out += "enum class Call : uint64_t {\n"
    for number, call in enumerate(calls):
        out += f"  k{camel(call['name'])} = {number},\n"
    out += "};\n"
    out += f"inline constexpr uint64_t kCallCount = {len(calls)};\n"
    out += "inline constexpr const char* kCallNames[] = {\n"
    for call in calls:
        out += f"    \"{call['name']}\",\n"
    return out + "};\n\n}  // namespace bulkhead::abi\n"


def stubs(calls):
    out = HEADER + "#pragma once\n\n#include \"abi/invoke.h\"\n\nnamespace bulkhead::call {\n"
    for call in calls:
        out += f"\n// {call['doc']}\n"
        for arg in call["args"]:
            if arg["doc"]:
                out += f"//   {arg['name']}: {arg['doc']}\n"
        for index, result in enumerate(call["results"]):
            out += f"//   returns[{index}] {result}\n"
        params = ", ".join(f"uint64_t {arg['name']}" for arg in call["args"])
        words = "".join(f", {arg['name']}" for arg in call["args"])
        out += (
            f"inline abi::Answer {camel(call['name'])}({params}) {{\n"
            f"  return abi::Invoke(abi::Call::k{camel(call['name'])}{words});\n}}\n"
        )
    return out + "\n}  // namespace bulkhead::call\n"


def dispatch(calls):
    out = HEADER
    for call in calls:
        out += f"case Call::k{camel(call['name'])}: {{\n"
        passed = ["caller"]
        for index, arg in enumerate(call["args"]):
            kind, name = arg["type"], arg["name"]
            word = f"arguments[{index}]"
            if kind == "handle":
                rights = "0" if arg["rights"] == "none" else f"abi::{arg['rights']}"
                out += f"  const auto {name} = Find<{arg['object']}>(caller, {word}, {rights});\n"
                out += f"  if (!{name}.ok()) return {name}.status();\n"
                passed.append(f"*{name}")
            else:
                if kind != "word":
                    out += f"  if (!Valid{kind.capitalize()}({word})) return Status::kInvalidArgument;\n"
                passed.append(word)
        out += f"  return {camel(call['name'])}({', '.join(passed)});\n}}\n"
    return out


def arguments(calls):
    """What the declared argument checks are, for the test that tries them all."""
    out = HEADER
    for call in calls:
        out += f"{{Call::k{camel(call['name'])}, {{"
        for arg in call["args"]:
            out += f"{{Type::k{arg['type'].capitalize()}, "
            if arg["type"] == "handle":
                rights = "0" if arg["rights"] == "none" else f"abi::{arg['rights']}"
                out += f"ObjectKind::k{arg['object']}, {rights}"
            else:
                out += "{}, 0"
            out += "}, "
        out += "}},\n"
    return out


def page(calls):
    out = """# The hypervisor's calls

Made from `hypervisor/abi/calls.toml` by `hypervisor/abi/generate.py`; a test checks that it is
current. A call's number is in RAX and its arguments are in RDI, RSI, RDX, R10, R8, R9
(`SYSCALL`; RCX and R11 are lost); the status comes back in RAX, the results in RDX, R10, R8, R9.
A status is a `Status` (`base/status.h`). Besides those listed, every call can return `kBadHandle`,
`kDenied` (a right is missing) and `kInvalidArgument` (an argument's form). A number that is no
call gives `kNotSupported`.

"""
    for number, call in enumerate(calls):
        out += f"## {number}: `{call['name']}`\n\n{call['doc']}\n\n"
        if call["args"]:
            out += "| argument | type | meaning |\n|---|---|---|\n"
            for arg in call["args"]:
                kind = arg["type"]
                if kind == "handle":
                    kind = arg["object"] + (
                        " handle" if arg["rights"] == "none" else f" handle with `{arg['rights']}`"
                    )
                out += f"| `{arg['name']}` | {kind} | {arg['doc']} |\n"
            out += "\n"
        if call["results"]:
            out += "Returns " + "; ".join(call["results"]) + ".\n\n"
        if call["errors"]:
            out += "Errors: " + ", ".join(f"`{error}`" for error in call["errors"]) + ".\n\n"
    return out.rstrip("\n") + "\n"


def main():
    source, what, destination = sys.argv[1:]
    with open(source, "rb") as file:
        calls = tomllib.load(file)["call"]
    check(calls)
    maker = {
        "arguments": arguments,
        "dispatch": dispatch,
        "numbers": numbers,
        "page": page,
        "stubs": stubs,
    }[what]
    with open(destination, "w", encoding="utf-8") as file:
        file.write(maker(calls))


if __name__ == "__main__":
    main()
