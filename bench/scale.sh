#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# scale.sh - what one thing costs where there are few, more and many of its kind.  While the cost of
# one stays about the same, that of all is linear.
#
# usage: scale.sh BUILDDIR [ROW...]      all rows, or those with these names
#        scale.sh BUILDDIR list          the names
#
# ROUNDS (5) and SCALE_SECONDS (0.1) in the environment say how often and how long each is measured;
# the best round counts, which hardly depends on what else the machine does.

set -eu
build=$1
shift
rows=$*
rounds=${ROUNDS:-5}
seconds=${SCALE_SECONDS:-0.1}
all_rows='inquired active idle lookup register'

if [ "$rows" = list ]; then
  # shellcheck disable=SC2086
  printf 'scale %s\n' $all_rows
  exit
fi
for row in $rows; do
  # shellcheck disable=SC2086
  printf '%s\n' $all_rows | grep -qxF -e "$row" && continue
  echo "bench: there is no row '$row' of scale; './dev bench list' lists all rows" >&2
  exit 2
done

programs=$build/bench/servers
for program in "$programs/load" "$programs/server-embedded" "$programs/server-take" "$build/bench/bench"; do
  [ -x "$program" ] || { echo "bench: there is no $program" >&2; exit 1; }
done
soname=$(ldd "$build/bench/bench" | sed -n 's/^[[:space:]]*\(libassuan\.so\.[0-9]*\) .*/\1/p')
case $soname in
  libassuan.so.0) ours=$build/compat/2 ;;
  *) ours=$build/compat/3 ;;
esac

dir=$(mktemp -d /tmp/bench-XXXXXX)
server=
end_server() {
  [ ! "$server" ] || { kill "$server" 2>/dev/null || true; wait "$server" 2>/dev/null || true; }
  server=
  rm -f "$dir/S"
}
trap 'trap "" EXIT; end_server; rm -rf "$dir"' EXIT
trap 'exit 1' INT TERM HUP

# start NAME: starts a server.
start() {
  "$programs/server-$1" "$dir/S" &
  server=$!
}

# load WORK N [OPTION...]: N connections of the server, whose processor time counts.  Prints the
# best rate, in things for a second of it.
load() {
  work=$1 n=$2
  shift 2
  "$programs/load" "$work" -r "$rounds" -t "$seconds" "$@" "$dir/S,$server,$n" "$dir/S,$server,$n" \
    | awk '{ for (i = 2; i <= 4; i += 2) if ($i > best) best = $i } END { print best }'
}

# rate NAME: the best rate of a row of the program for the libraries.
rate() {
  round=0
  while [ $round -lt "$rounds" ]; do
    LD_LIBRARY_PATH=$ours "$build/bench/bench" "$1" "$seconds"
    round=$((round + 1))
  done | awk '$2 > best { best = $2 } END { print best }'
}

# row TITLE SIZES: makes a line of the table of three costs, one a line.
row() {
  awk -v title="$1" -v sizes="$2" '
    { cost[NR] = $1 }
    END {
      if (NR != 3 || !cost[1]) { printf "%-44s failed\n", title; exit }
      ratio = cost[3] / cost[1]
      printf "%-44s %-14s %9.2f %9.2f %9.2f %6.2f   <= %5s  %s\n", title, sizes, cost[1], cost[2],
        cost[3], ratio, 2, ratio <= 2 ? "met" : "NOT MET"
    }'
}

# ns UNITS: nanoseconds for each from a rate of UNITS.
ns() { awk -v units="$1" '{ print 1e9 / ($1 * units) }'; }

inquired() {
  start take
  for mib in 1 4 16; do load inquiries 1 -m $mib | ns 1048576; done \
    | row 'an octet that eva_server inquires; ns' '1, 4, 16 MiB'
}

active() {
  start embedded
  for n in 10 100 1000; do load commands $n -n $n | ns 1; done \
    | row 'a NOP on each of the connections; ns' '10, 100, 1000'
}

# A server of its own for each: what one has allocated it may keep.
idle() {
  for n in 10 100 1000; do
    start embedded
    "$programs/load" memory "$dir/S,$server,$n" | awk '{ print $1 }'
    end_server
  done | row 'an idle connection; octets of heap' '10, 100, 1000'
}

lookup() {
  for n in few many most; do rate lookup-$n | ns 1; done \
    | row 'a command of those that are registered; ns' '20, 200, 2000'
}

register() {
  for n in few many most; do rate register-$n | ns 1; done \
    | row 'a command to register; ns' '20, 200, 2000'
}

printf '%-44s %-14s %9s %9s %9s %6s\n' 'what one costs' sizes few more many ratio
for row in ${rows:-$all_rows}; do
  $row
  end_server
done
