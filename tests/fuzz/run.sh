#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# run.sh - runs the fuzz targets for some time each; `world`, which is none of libFuzzer's, tries
# the seeds from 1 to 10000, all of them if the time is ten minutes or more, else as far as it comes.
#
# Usage: run.sh BUILD-DIRECTORY SECONDS [TARGET...]
#
# The build directory must be configured with CC=clang and -Dfuzz=true.  New inputs that reach
# further are kept in its subdirectory corpus and tried again next time; the corpora of the source
# tree are only read.  Inputs that fail go to its subdirectory artifacts.  Prints a line of TAP for
# each target; the exit status is 1 if there was a finding, 2 if something else went wrong.

set -u

if [ $# -lt 2 ]; then
  echo "usage: $0 BUILD-DIRECTORY SECONDS [TARGET...]" >&2
  exit 2
fi
build=$1
seconds=$2
shift 2
case $seconds in
  '' | *[!0-9]* | 0*) echo "$0: '$seconds' is no number of seconds, from 1 on" >&2; exit 2 ;;
esac
corpora=$(dirname "$0")/corpus
dictionaries=$(dirname "$0")/dict
[ $# -gt 0 ] || set -- world conn-server conn-client unescape words redirect redirected socks endpoint server client

for name in "$@"; do
  [ "$name" != world ] || continue
  if [ ! -x "$build/tests/fuzz/fuzz-$name" ] || [ ! -d "$corpora/$name" ]; then
    echo "$name: no such target in $build" >&2
    exit 2
  fi
  mkdir -p "$build/corpus/$name" "$build/artifacts" || exit 2
done

# Runs target $1 and prints its line.  Targets whose input is a peer's lines share their words.
run_target() {
  log=$build/fuzz-$1.log
  dictionary=$dictionaries/$1.dict
  [ -f "$dictionary" ] || dictionary=$dictionaries/lines.dict
  # libFuzzer writes to the first directory only.
  if "$build/tests/fuzz/fuzz-$1" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=1024 \
      -print_final_stats=1 -dict="$dictionary" -artifact_prefix="$build/artifacts/$1-" \
      "$build/corpus/$1" "$corpora/$1" > "$log" 2>&1; then
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    echo "ok - $1: nothing found in ${runs:-?} runs"
  else
    artifact=$(sed -n 's/.*Test unit written to //p' "$log" | tail -n 1)
    echo "not ok - $1: failed on ${artifact:-no input}, see $log"
    return 1
  fi
}

# The same for worlds.
run_world() {
  log=$build/world.log
  limit="-t $seconds"
  [ "$seconds" -lt 600 ] || limit=
  # shellcheck disable=SC2086
  if "$build/tests/world/test-world" $limit 1 10000 > "$log" 2>&1; then
    worlds=$(sed -n 's/^ok - \([0-9]*\) worlds.*/\1/p' "$log")
    echo "ok - world: nothing found in ${worlds:-?} worlds"
  else
    seed=$(sed -n 's/^not ok - the world of seed \([0-9]*\).*/\1/p' "$log" | head -n 1)
    echo "not ok - world: failed on seed ${seed:-?}, see ./dev world ${seed:-?} and $log"
    return 1
  fi
}

run() {
  if [ "$1" = world ]; then run_world; else run_target "$1"; fi
}

# A shell's background jobs do not hear Ctrl-C: they are told.
trap 'trap - INT TERM; kill 0' INT TERM

# Two at a time: one more would only slow the others down on the smallest machines.
echo "1..$#"
status=0
while [ $# -gt 0 ]; do
  run "$1" &
  first=$!
  second=
  if [ $# -gt 1 ]; then
    run "$2" &
    second=$!
    shift
  fi
  shift
  wait "$first" || status=1
  [ -z "$second" ] || wait "$second" || status=1
done
exit $status
