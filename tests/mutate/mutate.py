# SPDX-License-Identifier: LGPL-2.1-or-later
"""mutate.py [SEED [N]], mutate.py --again LIST - which faults the tests find.

Makes N small changes (40) of src/, one after the other, as many in each room, chosen by SEED.  Each
is built and run against the room's suites, up to the first test that fails.  This happens in a copy
of the tree, build-mutate/SEED-N/; beside it, in list.json, is what came out so far.  The same command
goes on where it was stopped, on the same copy.

--again makes the changes of LIST, a list.json, in the tree as it is now, wherever functions were
moved since, and says which of them had been caught and are no longer."""

import argparse
import hashlib
import json
import os
import pathlib
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import time

import mutations
import source

TOP = pathlib.Path(__file__).resolve().parents[2]

# The suites that look after a room.
SUITES = {
    'wire': ['wire', 'conn', 'fuzz'],
    'conn': ['conn', 'fuzz'],
    'io': ['io', 'faults'],
    'assuan': ['ours', 'client', 'faults', 'memory'],
    'loop': ['loop'],
    'attach': ['pump', 'client', 'server', 'dialogs'],
    'server': ['server', 'dialogs'],
    'client': ['client', 'dialogs'],
}
# What the tests of upper rooms find on one of these loops they find on the others, too.
ONE_LOOP_OF_MANY = re.compile(r'-(poll|nested|event|sd-event|ev)$')

# What a test may take at least, and how many times as long as without a mutation.
SECONDS, TIMES = 30, 10


def run(*command, **options):
    return subprocess.run([str(word) for word in command], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors='replace', **options)


def must(*command, **options):
    done = run(*command, **options)
    if done.returncode:
        sys.exit('mutate: %s: %s' % (' '.join(map(str, command)), done.stdout[-3000:]))
    return done.stdout


class Tests:
    """The tests of a build directory."""

    def __init__(self, build):
        self.build = build
        targets = json.loads(must('meson', 'introspect', build, '--targets'))
        files = {target['id']: os.path.relpath(target['filename'][0], build) for target in targets}
        self.all = []
        for test in json.loads(must('meson', 'introspect', build, '--tests')):
            test['suite'] = [suite.split(':')[-1] for suite in test['suite']]
            test['targets'] = [files[target] for target in test['depends'] if target in files]
            self.all.append(test)

    def of(self, room):
        for test in self.all:
            if not set(SUITES[room]) & set(test['suite']) or 'valgrind' in test['name']:
                continue
            if room != 'loop' and ONE_LOOP_OF_MANY.search(test['name']):
                continue
            yield test

    def compile(self, targets):
        return run('ninja', '-C', self.build, '-j1', *targets).returncode == 0

    def run(self, test, timeout):
        """Returns what is wrong, or None."""
        log = self.build / 'mutate.log'
        with open(log, 'wb') as out:
            child = subprocess.Popen(test['cmd'], cwd=self.build, stdin=subprocess.DEVNULL, stdout=out,
                                     stderr=out, env={**os.environ, **test['env']},
                                     start_new_session=True, preexec_fn=limit)
            try:
                status = child.wait(timeout)
            except subprocess.TimeoutExpired:
                status = 'hangs'
            # Also what a test that failed has left behind.
            try:
                os.killpg(child.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            child.wait()
        said = log.read_text(errors='replace')
        failed = re.findall(r'^\s*not ok \S+(?: -)? (.*)', said, re.MULTILINE)
        if failed:
            return failed[0]
        if status in (0, 77):
            return None
        passed = re.findall(r'^\s*ok \S+(?: -)? (.*)', said, re.MULTILINE)
        return '%s, %s' % (status if status == 'hangs' else 'status %d' % status,
                           'after ' + passed[-1] if passed else 'before the first end of a test')


def limit():
    """A mutation that grows without end must not take the machine with it."""
    resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 30, 1 << 30))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


class Run:
    """A list of mutations, with what came out, and the copy of the tree that they are made in."""

    def __init__(self, name, **new):
        self.dir = TOP / 'build-mutate' / name
        self.tree, self.build = self.dir / 'tree', self.dir / 'build'
        self.list = self.dir / 'list.json'
        if self.list.exists():
            self.state = json.loads(self.list.read_text())
        else:
            self.copy()
            self.state = {'durations': {}, 'mutations': [], **new}
            self.save()
        self.restore()
        if not (self.build / 'build.ninja').exists():
            compiler = 'ccache gcc' if shutil.which('ccache') else 'gcc'
            must('meson', 'setup', self.build, self.tree, '-Dtests=true', '-Dexamples=false', '-Dtools=false',
                 '-Ddebug=false', '-Doptimization=1', env={**os.environ, 'CC': compiler})
        self.tests = Tests(self.build)

    def copy(self):
        """What git knows of the tree, as it is now."""
        shutil.rmtree(self.tree, ignore_errors=True)
        for name in must('git', '-C', TOP, 'ls-files').splitlines():
            if (TOP / name).exists():
                (self.tree / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(TOP / name, self.tree / name)

    def save(self):
        new = self.list.with_suffix('.new')
        new.write_text(json.dumps(self.state, indent=1) + '\n')
        new.rename(self.list)

    def restore(self):
        """Takes back a mutation that was under way when the command was stopped."""
        path = self.state.get('changed')
        if path:
            (self.tree / path).write_text((self.dir / 'original').read_text())
            self.state['changed'] = None
            self.save()

    def functions(self, rooms):
        found = []
        for room in rooms:
            for path in sorted((self.tree / 'src' / room).glob('*.[ch]')):
                found += source.functions(str(path.relative_to(self.tree)), path.read_text())
        return found

    def measure(self, room):
        """How long the tests of a room take without a mutation, unless a run before has found that
        out.  None: it fails, and says nothing."""
        tests = [test for test in self.tests.of(room)
                 if test['name'] not in self.state['durations']]
        if not tests:
            return
        print('mutate: the tests of %s, without a mutation' % room, flush=True)
        if not self.tests.compile({target for test in self.tests.of(room)
                                   for target in test['targets']}):
            sys.exit('mutate: the tree does not build; see ninja -C %s' % self.build)
        for test in tests:
            begin = time.monotonic()
            failed = self.tests.run(test, test['timeout'])
            self.state['durations'][test['name']] = None if failed else time.monotonic() - begin
            if failed:
                print('mutate: %s fails without a mutation, too: %s' % (test['name'], failed),
                      flush=True)
            self.save()

    def objects(self, path):
        name = '_'.join(pathlib.Path(path).parts[1:]) + '.o'
        return [str(file.relative_to(self.build))
                for file in (self.build / 'src').glob('*.p/' + name)]

    def digest(self, path):
        return [hashlib.sha256((self.build / name).read_bytes()).hexdigest()
                for name in self.objects(path)]

    def tell(self, room, before):
        """The first test that fails: (caught or survived, by which).  The test that found this fault
        in the run BEFORE is first, and if it does so again, it alone was built."""
        durations = self.state['durations']
        tests = [test for test in self.tests.of(room) if durations[test['name']] is not None]
        tests.sort(key=lambda test: durations[test['name']])
        first = [test for test in tests if before and before.startswith(test['name'] + ': ')]
        for some in (first, tests) if first else (tests,):
            if not self.tests.compile({target for test in some for target in test['targets']}):
                return 'not compiled', ''
            for test in some:
                limit_s = max(SECONDS, TIMES * durations[test['name']])
                failed = self.tests.run(test, limit_s)
                # On a busy machine a test may fail once for another reason.
                if failed and ('hangs' in failed or self.tests.run(test, limit_s)):
                    return 'caught', '%s: %s' % (test['name'], failed)
        return 'survived', ''

    def attempt(self, mutation, function, at):
        """Returns what becomes of a mutation, and says by which test."""
        room, path = mutation['room'], function.path
        self.measure(room)
        if not self.tests.compile(self.objects(path)):
            sys.exit('mutate: the tree does not build; see ninja -C %s' % self.build)
        before = self.digest(path)
        (self.dir / 'original').write_text(function.text)
        self.state['changed'] = path
        self.save()
        first, last, text = mutations.change(function, mutation['kind'], at)
        (self.tree / path).write_text(function.replaced(first, last, text))
        try:
            if not self.tests.compile(self.objects(path)):
                return 'not compiled', ''
            if path.endswith('.c') and self.digest(path) == before:
                return 'same code', ''
            return self.tell(room, mutation.get('was_by'))
        finally:
            self.restore()

    def settle(self, mutation, place):
        begin = time.monotonic()
        mutation['result'], mutation['by'] = \
            self.attempt(mutation, *place) if place else ('not found', '')
        if place:
            mutation['now'] = [place[0].path, place[0].name]
        mutation['seconds'] = round(time.monotonic() - begin)
        self.save()
        print(text_of(mutation), flush=True)


def text_of(mutation):
    return '%s: %s: %s\n    %s\n    %s\n    %s' % (
        mutation['room'], mutation['function'], mutation['kind'], mutation['line'],
        mutation['becomes'],
        ' by '.join(part for part in (mutation['result'], mutation['by']) if part))


def first_run(seed, n):
    """N mutations, in turn in each room; one that says nothing makes room for another."""
    this = Run('%s-%d' % (seed, n), seed=seed)
    done = this.state['mutations']
    candidates = {room: mutations.choose(seed, room, this.functions([room])) for room in SUITES}
    rooms = list(SUITES)
    for i in range(n):
        room = rooms[i % len(rooms)]
        wanted = i // len(rooms) + 1
        while sum(m['room'] == room and m['result'] in ('caught', 'survived') for m in done) < wanted:
            tried = sum(m['room'] == room for m in done)
            if tried == len(candidates[room]):
                sys.exit('mutate: there are no more mutations of %s' % room)
            mutation = candidates[room][tried]
            place = mutations.find(mutation, this.functions([room]))
            mutation['result'] = None
            done.append(mutation)
            try:
                this.settle(mutation, place)
            except BaseException:
                done.remove(mutation)
                this.save()
                raise
    return this


def second_run(path):
    """The mutations of another list once more."""
    old = json.loads(path.read_text())
    name = path.resolve().parent.name + '-again'
    wanted = [{**m, 'was': m['result'], 'was_by': m['by'], 'result': None} for m in old['mutations']
              if m['result'] in ('caught', 'survived')]
    this = Run(name, seed=old['seed'], mutations=wanted, durations=old['durations'])
    functions = this.functions(SUITES)
    for mutation in this.state['mutations']:
        if mutation['result'] is None:
            this.settle(mutation, mutations.find(mutation, functions))
    return this


def main():
    parser = argparse.ArgumentParser(prog='./dev mutate')
    parser.add_argument('seed', nargs='?', type=int, metavar='SEED')
    parser.add_argument('n', nargs='?', type=int, default=40, metavar='N')
    parser.add_argument('--again', type=pathlib.Path, metavar='LIST')
    args = parser.parse_args()
    if args.again and not args.again.is_file():
        parser.error(f'there is no list {args.again}; a first run says at its end where its list is')
    if args.again:
        this = second_run(args.again)
    else:
        seed = args.seed if args.seed is not None else random.randrange(1000000)
        print('mutate: seed %d; ./dev mutate %d %d goes on after a stop' % (seed, seed, args.n),
              flush=True)
        this = first_run(seed, args.n)
    counted = [m for m in this.state['mutations'] if m['result'] not in ('not compiled', 'same code')]
    print('\n'.join(['', 'mutate: all of them:', *map(text_of, counted), '']))
    for result in ('caught', 'survived', 'not found'):
        print('mutate: %d %s' % (sum(m['result'] == result for m in counted), result))
    lost = [m for m in counted if m.get('was') == 'caught' and m['result'] != 'caught']
    for mutation in lost:
        print('mutate: was caught by %s before:\n%s' % (mutation['was_by'], text_of(mutation)))
    print('mutate: the list is %s' % this.list)
    sys.exit(1 if lost else 0)


if __name__ == '__main__':
    main()
