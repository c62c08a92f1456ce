#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# run.sh - runs the fuzz targets for some time each.
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
corpora=$(dirname "$0")/corpus
[ $# -gt 0 ] || set -- conn-server conn-client unescape redirect socks

echo "1..$#"
status=0
for name in "$@"; do
  program=$build/tests/fuzz/fuzz-$name
  log=$build/fuzz-$name.log
  if [ ! -x "$program" ] || [ ! -d "$corpora/$name" ]; then
    echo "$name: no such target in $build" >&2
    exit 2
  fi
  mkdir -p "$build/corpus/$name" "$build/artifacts" || exit 2

  # libFuzzer writes to the first directory only.
  if "$program" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=1024 -print_final_stats=1 \
      -artifact_prefix="$build/artifacts/$name-" "$build/corpus/$name" "$corpora/$name" \
      > "$log" 2>&1; then
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    echo "ok - $name: nothing found in ${runs:-?} runs"
  else
    artifact=$(sed -n 's/.*Test unit written to //p' "$log" | tail -n 1)
    echo "not ok - $name: failed on ${artifact:-no input}, see $log"
    status=1
  fi
done
exit $status
