#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs the tests of a build directory that are called by name.

usage: named.py [--some] BUILDDIR NAME...

A NAME is a suite (`client`), a test (`client-epoll`), a pattern (`server-*-uv`), or what a test is
called before its variants are told apart: `server-limits` on all loops, `test-nested` on both
libraries.  If there is no such test the exit status is 2, and all names are listed; with --some a name
that this build does not have is passed over.
"""

import collections
import fnmatch
import json
import os
import re
import subprocess
import sys

# What is behind the name of a test that is there more than once.
VARIANT = re.compile(r'(?<!^sd)-(epoll|poll|nested|uv|event|glib|sd-event|ev)$| \(\S+ \d\)$')


def listed(build):
    """Lists (name, suites) of each test."""
    out = subprocess.run(['meson', 'introspect', build, '--tests'], check=True,
                         stdout=subprocess.PIPE, text=True).stdout
    return [(test['name'], [suite.split(':')[-1] for suite in test['suite']])
            for test in json.loads(out)]


def chosen(tests, name):
    """The names of the tests that NAME means.  A suite comes first: some tests are called like
    the suite of another room."""
    suite = [test for test, suites in tests if name in suites]
    return suite or [test for test, _ in tests
                     if name == VARIANT.sub('', test) or fnmatch.fnmatchcase(test, name)]


def complain(tests, name):
    """Says what there is instead of NAME."""
    by_suite = collections.defaultdict(list)
    for test, suites in tests:
        for suite in suites:
            if VARIANT.sub('', test) not in by_suite[suite]:
                by_suite[suite].append(VARIANT.sub('', test))
    print("dev: there is no suite and no test '%s'; there are, suite by suite:" % name,
          file=sys.stderr)
    for suite, names in by_suite.items():
        print('  %s: %s' % (suite, ' '.join(names)), file=sys.stderr)


def main():
    args = sys.argv[1:]
    some = args[:1] == ['--some']
    build, *names = args[some:]
    tests = listed(build)
    wanted = []
    for name in names:
        found = chosen(tests, name)
        if not found and not some:
            complain(tests, name)
            return 2
        if not found:
            print("dev: %s has no '%s'" % (build, name), flush=True)
        wanted += [test for test in found if test not in wanted]
    if not wanted:
        return 0
    return subprocess.run(['meson', 'test', '-C', build, '--print-errorlogs', '--num-processes',
                           str(2 * (os.cpu_count() or 1)), *wanted], check=False).returncode


if __name__ == '__main__':
    sys.exit(main())
