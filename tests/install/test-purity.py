# SPDX-License-Identifier: LGPL-2.1-or-later
"""The rooms wire and conn are pure: no system call, no clock, no allocator but the one handed in,
and no state outside of their objects.  Their object files tell.

Usage: test-purity.py ARCHIVE instrumented|plain, ARCHIVE being that of the two rooms.
"""

import os
import re
import sys

from tap import Skip, expect, main, run

archive, build = sys.argv[1:]
NM = os.environ.get("NM", "nm")
OBJDUMP = os.environ.get("OBJDUMP", "objdump")

# What the objects may need: memory and string functions, in their checked forms too, and each
# other.
PURE = re.compile(r"(mem|str)\w+$|__(mem|str)\w+_chk$|eva_\w+$")
# What compilers add on their own: stack protector, position independence, sanitizers, coverage, what
# the processor has.
COMPILER = re.compile(r"__stack_chk_|_GLOBAL_OFFSET_TABLE_$|__x86_|__[alt]san_|__ubsan_|__asan|"
                      r"__sanitizer_|__sancov_|__gcov_|__llvm_|__start___|__stop___|__aeabi_|__cpu_model$")


def members(lines):
    """Split nm's lines, "ARCHIVE:MEMBER: ... SYMBOL", into (MEMBER, SYMBOL)."""
    for line in lines:
        if line.strip():
            yield re.split(r"[/:]", line.split(": ")[0])[-1], line.split()[-1]


def undefined():
    """the objects of wire and conn need nothing but memory and string functions"""
    found = list(members(run([NM, "-A", "-u", archive]).splitlines()))
    objects = {member for member, _ in members(run([NM, "-A", archive]).splitlines())}
    expect(len(objects) > 1, f"{archive} has no objects")
    bad = [f"{member} needs {symbol}" for member, symbol in found
           if not PURE.match(symbol) and not COMPILER.match(symbol)]
    expect(not bad, *bad)


def state():
    """the objects of wire and conn have no changeable data"""
    if build != "plain":
        raise Skip("instrumented code has some")
    bad = []
    for line in run([OBJDUMP, "-t", archive]).splitlines():
        # Constants with pointers in them are in .data.rel.ro, which is made read-only.
        match = re.match(r"\S+ .{7} (\.data|\.bss|\.tdata|\.tbss|\*COM\*)(\.(?!rel\.ro)\S*)?\s"
                         r"+(\S+) (.*)", line)
        if match and int(match.group(3), 16) > 0 and not match.group(4).startswith("."):
            bad.append(line)
    expect(not bad, *bad)


main(undefined, state)
