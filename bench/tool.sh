#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# tool.sh - measures assuanctl: a call side by side with gpg-connect-agent, and its relay side by side
# with the server alone, and with relays that look at nothing.
#
# usage: tool.sh BUILDDIR [ROW...]      all rows, or those with these names
#        tool.sh BUILDDIR list          the names
#
# ROUNDS (15) and TOOL_SECONDS (0.3) in the environment say how often and how long each thing is
# measured.  Two things take turns, and the ratio is taken in each round before the median: so what
# else the machine does meets both alike.

set -eu
here=$(dirname "$0")
build=$1
shift
rows=$*
rounds=${ROUNDS:-15}
seconds=${TOOL_SECONDS:-0.3}
all_rows='call call-agent relay-nop relay-nop-bare relay-bulk relay-idle'

if [ "$rows" = list ]; then
  # shellcheck disable=SC2086
  printf '%s\n' $all_rows
  exit
fi
for row in $rows; do
  # shellcheck disable=SC2086
  printf '%s\n' $all_rows | grep -qxF -e "$row" && continue
  echo "bench: there is no row '$row' of tool; './dev bench list' lists all rows" >&2
  exit 2
done

programs=$build/bench/servers
tool=$build/tools/assuanctl/assuanctl
for program in "$programs/load" "$programs/server-embedded" "$programs/relay-bare" \
  "$tool"; do
  [ -x "$program" ] || { echo "bench: there is no $program" >&2; exit 1; }
done

dir=$(mktemp -d /tmp/bench-XXXXXX)
pids=
has_home=

# shellcheck disable=SC2086
cleanup() {
  trap '' EXIT
  for pid in $pids; do kill "$pid" 2>/dev/null || true; done
  for pid in $pids; do wait "$pid" 2>/dev/null || true; done
  [ ! "$has_home" ] || GNUPGHOME=$dir/home gpgconf --kill all
  rm -rf "$dir"
}
trap cleanup EXIT
trap 'exit 1' INT TERM HUP

# await SOCKET: until a server listens there.
await() { "$tool" wait --timeout=10s "$dir/$1"; }

# Makes a line of the table from lines "A B", of which the ratio A/B counts.
# shellcheck disable=SC2016
turns=$(cat "$here/median.awk")'
{ a[NR] = $1; b[NR] = $2; ratio[NR] = $2 ? $1 / $2 : 0 }
END {
  if (!NR) { printf "%-46s failed\n", title; exit }
  m = median(ratio, NR)
  met = most ? m <= wanted : m >= wanted
  printf "%-46s %10.1f %10.1f %6.2f %12s   %s %4s  %s\n", title, median(a, NR) * scale, median(b, NR) * scale,
    m, sprintf("%.2f - %.2f", ratio[1], ratio[NR]), most ? "<=" : ">=", wanted, met ? "met" : "NOT MET"
}'

# at_least TITLE WANTED, at_most TITLE WANTED [SCALE]: a line of the table.
at_least() { awk -v title="$1" -v wanted="$2" -v most=0 -v scale=1 "$turns"; }
at_most() { awk -v title="$1" -v wanted="$2" -v most=1 -v scale="${3:-1}" "$turns"; }

# compare OURS -- OTHER: processor seconds of 20 runs of each, children counted, in turns.
compare() {
  python3 - "$rounds" "$@" <<'PYTHON'
import resource, subprocess, sys
rounds, words = int(sys.argv[1]), sys.argv[2:]
at = words.index("--")

def cost(argv):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    for _ in range(20):
        subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

for argv in words[:at], words[at + 1:]:
    cost(argv)
for _ in range(rounds):
    print(cost(words[:at]), cost(words[at + 1:]))
PYTHON
}

call() {
  compare "$tool" call --no-session "unix:$dir/S" NOP -- gpg-connect-agent -S "$dir/S" NOP /bye \
    | at_most "call unix:PATH NOP, gpg-connect-agent -S; ms" 1.2 50
}

call_agent() {
  has_home=yes
  mkdir -m 700 "$dir/home"
  GNUPGHOME=$dir/home
  export GNUPGHOME
  gpgconf --launch gpg-agent
  compare "$tool" call agent NOP -- gpg-connect-agent NOP /bye \
    | at_most "call agent NOP, gpg-connect-agent; ms" 2 50
}

relay_nop() {
  "$programs/load" commands -n 100 -r "$rounds" -t "$seconds" "$dir/R,$relay,100" "$dir/S,$server,100" \
    | awk '{ print $1, $3 }' | at_least "relay, 100 clients, and the server alone; NOP/s" 0.45
}

# How far any relay gets: each request goes through three processes, and two processors run them.
relay_nop_bare() {
  "$programs/load" commands -n 100 -r "$rounds" -t "$seconds" "$dir/R,$relay,100" "$dir/B,$bare,100" \
    | awk '{ print $1, $3 }' | at_least "relay, 100 clients, and a bare relay; NOP/s" 0.7
}

relay_bulk() {
  "$programs/load" bulk -r "$rounds" "$dir/R,$relay,1" "$dir/P,$splice,1" \
    | awk '{ print $1, $3 }' | at_least "relay, bulk data, and a bare splice; MiB/s" 0.6
}

# resident: KiB that the relay has in memory.
resident() { awk '/^VmRSS/ { print $2 }' "/proc/$relay/status"; }

relay_idle() {
  "$programs/load" commands -n 10 -r 1 -t 0.2 "$dir/R,$relay,10" "$dir/S,$server,10" >/dev/null
  before=$(resident)
  python3 - "$dir/R" "$relay" <<'PYTHON' >"$dir/after"
import resource, socket, sys
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
clients = []
for _ in range(1000):
    clients.append(socket.socket(socket.AF_UNIX))
    clients[-1].connect(sys.argv[1])
    clients[-1].recv(1000)
print(next(x for x in open("/proc/%s/status" % sys.argv[2]) if x.startswith("VmRSS")).split()[1])
PYTHON
  echo "$(cat "$dir/after") $before" | awk '{ grown = $1 - $2
    printf "%-46s %10d %10s %6s %12s   <= 4096  %s\n", "relay, 1000 clients at rest; KiB", grown, "", "", "",
      grown <= 4096 ? "met" : "NOT MET" }'
}

"$programs/server-embedded" "$dir/S" &
server=$!
pids=$server
await S
"$tool" relay "$dir/R" "$dir/S" &
relay=$!
"$programs/relay-bare" --splice "$dir/P" "$dir/S" &
splice=$!
"$programs/relay-bare" "$dir/B" "$dir/S" &
bare=$!
pids="$pids $relay $splice $bare"
await R
await P
await B

printf '%-46s %10s %10s %6s %12s\n' "assuanctl and another" ours other ratio spread
for row in ${rows:-$all_rows}; do
  case $row in
    call) command -v gpg-connect-agent >/dev/null || continue; call ;;
    call-agent) command -v gpg-connect-agent >/dev/null || continue; call_agent ;;
    relay-nop) relay_nop ;;
    relay-nop-bare) relay_nop_bare ;;
    relay-bulk) relay_bulk ;;
    relay-idle) relay_idle ;;
  esac
done
