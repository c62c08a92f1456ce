#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# servers.sh - measures servers for many clients: eva_server side by side with a bare epoll server
# and with libassuan's, and prints a table.
#
# usage: servers.sh BUILDDIR [ROW...]      all rows, or those with these names
#        servers.sh BUILDDIR list          the names
#
# ROUNDS (25) and SERVER_SECONDS (0.2) in the environment say how often and how long each thing is
# measured.  AGAINST is the build directory of an older revision, whose server then takes the place
# of all others.  Two servers take turns, and the ratio is taken in each round before the median: so
# what else the machine does, which comes and goes, meets both alike.

set -eu
here=$(dirname "$0")
programs=$1/bench/servers
tool=$1/tools/assuanctl/assuanctl
shift
rows=$*
rounds=${ROUNDS:-25}
seconds=${SERVER_SECONDS:-0.2}
libassuan=$(pkg-config --variable=libdir libassuan)

all_rows='nop-1 nop-10 nop-100 nop-1000 by-hand mix ahead crowd memory idle greet storm bulk inquire-ext
  hostile uv event glib sd-event ev relay monitor'
# Against an older revision: the rows that compare servers, and what each has to be at least.
against=${AGAINST:-}
kept=0.97
[ ! "$against" ] || all_rows='nop-1 nop-10 nop-100 nop-1000 by-hand mix ahead memory greet storm bulk
  inquire-ext'

if [ "$rows" = list ]; then
  # shellcheck disable=SC2086
  printf '%s\n' $all_rows
  exit
fi

for row in $rows; do
  # shellcheck disable=SC2086
  printf '%s\n' $all_rows | grep -qxF -e "$row" && continue
  echo "bench: there is no row '$row' of servers; './dev bench list' lists all rows" >&2
  exit 2
done

for program in "$programs/load" "$programs/server-bare" "$programs/server-libassuan" \
  "$programs/server-embedded" "$programs/server-take" "$tool"; do
  [ -x "$program" ] || { echo "bench: there is no $program" >&2; exit 1; }
done

# --- Processes ------------------------------------------------------------------------------------

dir=$(mktemp -d /tmp/bench-XXXXXX)
servers=
villains=

# end PID...: ends these processes, which are children of this shell.
end() {
  for pid; do kill "$pid" 2>/dev/null || true; done
  for pid; do wait "$pid" 2>/dev/null || true; done
}

# stop_servers: ends what start has started.
stop_servers() {
  # shellcheck disable=SC2086
  end $servers
  servers=
  rm -f "$dir"/*
}

# shellcheck disable=SC2086
cleanup() { trap '' EXIT; end $villains $servers; rm -rf "$dir"; }
trap cleanup EXIT
trap 'exit 1' INT TERM HUP

# start NAME: starts a server, one of those in forms below, or the same again as NAME-too.
start() {
  form=${1%-too}
  case $form in
    older) "$against/bench/servers/server-embedded" "$dir/$1" & ;;
    by-hand) LD_LIBRARY_PATH=$(drop_in "$programs/../..") "$programs/server-libassuan" loop "$dir/$1" & ;;
    older-take) LD_LIBRARY_PATH=$against/src "$programs/server-take" "$dir/$1" & ;;
    older-by-hand) LD_LIBRARY_PATH=$(drop_in "$against") "$programs/server-libassuan" loop "$dir/$1" & ;;
    libassuan-*) LD_LIBRARY_PATH=$libassuan "$programs/server-libassuan" "${form#*-}" "$dir/$1" & ;;
    relay) "$tool" -q relay "$dir/relay" "$dir/embedded" & ;;
    monitor) "$tool" -q monitor "$dir/embedded" --listen="$dir/monitor" >/dev/null & ;;
    *) "$programs/server-$form" "$dir/$1" & ;;
  esac
  servers="$servers $!"
  eval "pid_$(echo "$1" | tr - _)=$!"
}

# drop_in BUILDDIR: where the drop-in of that build is for which the programs are built.
drop_in() {
  soname=$(ldd "$programs/server-libassuan" | sed -n 's/^[[:space:]]*\(libassuan\.so\.[0-9]*\) .*/\1/p')
  case $soname in
    libassuan.so.0) echo "$1/compat/2" ;;
    *) echo "$1/compat/3" ;;
  esac
}

# target NAME N: a server and the number of connections to it, as the clients want it.
target() { eval "echo $dir/$1,\$pid_$(echo "$1" | tr - _),$2"; }

load() { "$programs/load" "$@" || echo failed; }

# may_have N TITLE: whether the system gives a process so many descriptors.
# shellcheck disable=SC3045
may_have() {
  [ "$(ulimit -Hn)" = unlimited ] || [ "$(ulimit -Hn)" -gt "$1" ] && return
  printf '%-42s skipped: the limit of descriptors is %s\n' "$2" "$(ulimit -Hn)"
  return 1
}

# --- The table ------------------------------------------------------------------------------------

# Makes a line of the table from lines "RATE PROCESSOR-RATE RATE PROCESSOR-RATE".  BY tells which of
# them count, 0 for the clock on the wall or 1 for the processor.
# shellcheck disable=SC2016
turns=$(cat "$here/median.awk")'
/failed/ { bad = 1 }
{
  a[NR] = $(1 + by); b[NR] = $(3 + by)
  ratio[NR] = $(3 + by) ? $(1 + by) / $(3 + by) : 0
  wall[NR] = $3 ? $1 / $3 : 0
  # Of times, not of rates.
  if (most) { ratio[NR] = 1 / ratio[NR]; wall[NR] = 1 / wall[NR] }
}
END {
  if (bad || !NR) { printf "%-42s failed\n", title; exit }
  m = median(ratio, NR)
  met = most ? m <= wanted : m >= wanted
  printf "%-42s %10s %10s %6.2f %12s %6.2f   %s %5s  %s\n", title, show(median(a, NR)),
    show(median(b, NR)), m, sprintf("%.2f - %.2f", ratio[1], ratio[NR]), median(wall, NR),
    most ? "<=" : ">=", wanted, met ? "met" : "NOT MET"
}'

# The same from a line "FIGURE FIGURE" of one thing that has a limit.
# shellcheck disable=SC2016
figures='{
  if (/failed/) { printf "%-42s failed\n", title; exit }
  printf "%-42s %10s %10s %6s %12s %6s   <= %5s  %s\n", title, $1, $2, "", "", "", wanted,
    $1 + 0 <= wanted + 0 ? "met" : "NOT MET"
}'

# by_processor TITLE WANTED, by_wall TITLE WANTED: lines of take_turns to a line of the table.
by_processor() { awk -v title="$1" -v wanted="$2" -v by=1 -v most=0 "$turns"; }
by_wall_at_most() { awk -v title="$1" -v wanted="$2" -v by=0 -v most=1 "$turns"; }

# --- The rows -------------------------------------------------------------------------------------

# commands OURS OTHER N [OPTION...]: commands on N connections.
commands() {
  ours=$1 other=$2 n=$3
  shift 3
  load commands -n "$n" -r "$rounds" -t "$seconds" "$@" \
    "$(target "$ours" "$n")" "$(target "$other" "$n")"
}

# versus NAME WANTED: starts our server and the other one, or the older instead; sets OTHER and
# WANTED.
versus() {
  other=$1 wanted=$2
  [ ! "$against" ] || { other=older; wanted=$kept; }
  start embedded
  start "$other"
}

nop() {
  versus bare 0.85
  share=
  [ "$1" != 1 ] || share=-s
  commands embedded "$other" "$1" $share | by_processor "NOP, connections: $1 : $other" "$wanted"
}

# A loop of the program's own, with assuan_process_next.
by_hand() {
  other=bare wanted=0.92
  [ ! "$against" ] || { other=older-by-hand; wanted=$kept; }
  start by-hand
  start "$other"
  commands by-hand "$other" 100 | by_processor "NOP, 100 connections of assuan.h : $other" "$wanted"
}

# against_libassuan TITLE WANTED [OPTION...]: 100 connections, against the better form of libassuan.
against_libassuan() {
  title=$1 wanted=$2
  shift 2
  if [ "$against" ]; then
    versus older "$wanted"
    commands embedded older 100 "$@" | by_processor "$title : older" "$wanted"
    return
  fi
  start embedded
  start libassuan-loop
  start libassuan-threads
  best=$(commands libassuan-loop libassuan-threads 100 "$@" -r 5 | awk '
    { n += $2 > $4 ? 1 : -1 } END { print (n > 0 ? "libassuan-loop" : "libassuan-threads") }')
  commands embedded "$best" 100 "$@" | by_processor "$title : $best" "$wanted"
}

crowd() {
  title='NOP, 100 active of 10,000 : of 100'
  may_have 10200 "$title" || return 0
  start embedded
  start embedded-too
  load commands -n 100 -r "$rounds" -t "$seconds" \
    "$(target embedded 10000)" "$(target embedded-too 100)" | by_processor "$title" 0.8
}

memory() {
  versus libassuan-loop 520
  [ ! "$against" ] || wanted=$(load memory "$(target older 1000)" | awk '{ print $1 * 1.03 }')
  { load memory "$(target embedded 1000)"; load memory "$(target "$other" 1000)"; } \
    | awk '{ heap = heap " " $1 } END { print heap }' \
    | awk -v title="octets of an idle connection : $other" -v wanted="$wanted" "$figures"
  load memory "$(target embedded 10000)" \
    | awk '{ printf "%-42s %10.0f\n", "  by the kernel'"'"'s count, 10,000", $2 }'
}

idle() {
  title='15,000 idle: % of a processor'
  may_have 15100 "$title" || return 0
  start embedded
  load idle -t 5 "$(target embedded 15000)" | awk -v title="$title" -v wanted=0 "$figures"
}

greet() {
  title='time to greet 15,000 : other'
  may_have 15100 "$title" || return 0
  versus bare 1.5
  [ ! "$against" ] || wanted=1.03
  load greetings -r 7 "$(target embedded 15000)" "$(target "$other" 15000)" \
    | by_wall_at_most "$title" "$wanted"
}

# On eva_server, and, without an older revision, in a loop of the program's own with assuan.h.
storm() {
  versus bare 0.87
  load storm -r "$rounds" -t "$seconds" "$(target embedded 50)" "$(target "$other" 50)" \
    | by_processor "50 come, say NOP, and leave : $other" "$wanted"
  [ ! "$against" ] || return 0
  start by-hand
  load storm -r "$rounds" -t "$seconds" "$(target by-hand 50)" "$(target bare 50)" \
    | by_processor '  the same with assuan.h : bare' 0.87
}

# 16 rounds of 64 MiB.
bulk() {
  versus bare 0.7
  load bulk -r 16 "$(target embedded 1)" "$(target "$other" 1)" \
    | by_processor "1 GiB of data : $other" "$wanted"
}

# One answer of 16 MiB a round.
inquire_ext() {
  other=bare wanted=1
  [ ! "$against" ] || { other=older-take; wanted=$kept; }
  start take
  start "$other"
  load inquiries -r "$rounds" -m 16 "$(target take 1)" "$(target "$other" 1)" \
    | by_processor "16 MiB inquired, MiB/s : $other" "$wanted"
}

adapter() {
  start "$1"
  start embedded
  commands "$1" embedded 100 | by_processor "NOP, 100 connections, $1 : embedded loop" 0.7
}

# The tool in front of a server.  Its clients come at once, so the server has to be there.
between() {
  start embedded
  until [ -S "$dir/embedded" ]; do sleep 0.05; done
  start relay
  [ "$1" = relay ] || start "$1"
  if [ "$1" = relay ]; then
    commands relay embedded 100 | by_processor "NOP, 100 connections, relay : server" 0.45
  else
    commands "$1" relay 100 | by_processor "NOP, 100 connections, $1 : relay" 0.5
  fi
}

# --- Hostile neighbours ---------------------------------------------------------------------------

# beset NAME N: the percentiles of N calls, and of new clients, without neighbours and with them.
beset() {
  load calls -s "$(target "$1" "$2")"
  for kind in half drip greedy silent reconnect flood; do
    "$programs/load" "hostile:$kind" "$(target "$1" 100)" &
    villains="$villains $!"
  done
  # Until all are there.
  sleep 1
  load calls -s "$(target "$1" "$2")"
  # shellcheck disable=SC2086
  end $villains
  villains=
  sleep 0.5
}

# shellcheck disable=SC2016
storms=$(cat "$here/median.awk")'
/failed/ { bad = 1 }
NR % 2 { n++; calm_p50[n] = $1; calm[n] = $2; calm_visit[n] = $3; next }
{ wild_p50[n] = $1; wild[n] = $2; wild_visit[n] = $3; ratio[n] = $2 / calm[n] }
function detail(title, wild, calm,    a, b) {
  a = median(wild, n); b = median(calm, n)
  printf "%-42s %10.0f %10.0f %6.2f\n", title, a, b, a / b
}
END {
  if (bad || !n) { printf "%-42s failed\n", title; exit }
  m = median(ratio, n)
  printf "%-42s %10.0f %10.0f %6.2f %12s %6s   ", title, median(wild, n), median(calm, n), m,
    sprintf("%.2f - %.2f", ratio[1], ratio[n]), ""
  if (wanted) printf "<= %5s  %s", wanted, m <= wanted ? "met" : "NOT MET"
  print ""
  detail("  the median", wild_p50, calm_p50)
  detail("  p99 until a newcomer is greeted", wild_visit, calm_visit)
}'

hostile() {
  start embedded
  # Not in a pipe, which would be a shell of its own, whose children would not be ended.
  for _ in 1 2 3 4 5; do beset embedded 3000; done >"$dir/calls"
  awk -v title='p99 in us, 600 hostile clients : none' -v wanted=3 "$storms" "$dir/calls"
  start bare
  beset bare 1000 >"$dir/calls"
  awk -v title='  the same of the bare server' -v wanted= "$storms" "$dir/calls"
}

# --- All of them ----------------------------------------------------------------------------------

cat <<END
How fast a server for many clients is

All servers are one process; but for libassuan-threads they have one thread.  They took turns,
$rounds rounds of $seconds s each; all figures are medians.  What counts is the processor time of
the server, its own and the kernel's on its behalf: a command costs the clients about as much, so
that by the clock on the wall a fast server would wait for them.  So the figures are things for a
second of processor time; "ratio" is ours to the other's, "least - most" what it was in single
rounds, and "wall" the ratio by the clock on the wall.  Greetings count by the clock on the wall.

The hostile clients are six processes of 100 connections: half a line, an octet each 10 ms, 64 MiB
asked for and not read, silence, connecting again and again, NOPs without end.  They run only while
a processor has nothing else to do.  The server and the innocent client share one, with high priority
if that is allowed, and the client comes first: it waits for the server, not for a processor, and not
for what the server goes on with behind the answer.

END
printf '%-42s %10s %10s %6s %12s %6s   %s\n' 'work' ours other ratio 'least - most' wall wanted

# shellcheck disable=SC2086
for row in ${rows:-$all_rows}; do
  case $row in
    nop-*) nop "${row#nop-}" ;;
    by-hand) by_hand ;;
    mix) against_libassuan '3 status, 100 octets, OK' 2.2 -c MIX ;;
    ahead) against_libassuan 'NOP, 16 ahead' 8 -a 16 ;;
    inquire-ext) inquire_ext ;;
    crowd | memory | idle | greet | storm | bulk | hostile) $row ;;
    relay | monitor) between "$row" ;;
    *) adapter "$row" ;;
  esac
  stop_servers
done
