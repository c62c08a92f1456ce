#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# libraries.sh - measures evassuan side by side with Debian's libassuan and prints tables.
#
# usage: libraries.sh BUILDDIR [ROW...]      all rows, or those with these names
#        libraries.sh BUILDDIR list          the names
#
# ROUNDS (7) and BENCH_SECONDS (0.3) in the environment say how often and how long each thing is
# measured.  AGAINST is the build directory of an older revision, which then takes the place of
# libassuan.  The two sides take turns, and the ratio is taken in each round before the median: so
# what else the machine does, which comes and goes, meets both sides alike.

set -eu
here=$(dirname "$0")
build=$1
shift
rows=$*
rounds=${ROUNDS:-7}
seconds=${BENCH_SECONDS:-0.3}

# wanted ROW: whether it is to be measured.
wanted() { case " ${rows:-$1} " in *" $1 "*) ;; *) return 1 ;; esac; }

die() { echo "bench: $*" >&2; exit 1; }

all_rows() {
  { "$build/bench/bench" list; "$build/bench/wire" list; } | grep -v '|scale$' \
    | cut -d '|' -f 1 | grep -v -e '-plain$'
}

if [ "$rows" = list ]; then
  all_rows
  exit
fi

for row in $rows; do
  all_rows | grep -qxF -e "$row" \
    || die "there is no row '$row' of libraries; './dev bench list' lists all rows"
done

# The generation that the programs are built for.
soname=$(ldd "$build/bench/bench" | sed -n 's/^[[:space:]]*\(libassuan\.so\.[0-9]*\) .*/\1/p')
case $soname in
  libassuan.so.0) generation=2 ;;
  *) generation=3 ;;
esac

ours=$(cd "$build/compat/$generation" && pwd)
if [ "${AGAINST:-}" ]; then
  theirs=$AGAINST/compat/$generation other=older
  [ -d "$theirs" ] || theirs=$AGAINST/compat # as long as there was one generation
  theirs=$(cd "$theirs" && pwd)
else
  theirs=$(pkg-config --variable=libdir libassuan) other=libassuan
fi
for dir in "$ours" "$theirs"; do
  [ -e "$dir/$soname" ] || die "there is no $dir/$soname"
done

# on LIBDIR PROGRAM ARGUMENT...: runs a program on the library in LIBDIR.
on() {
  libdir=$1 program=$build/bench/$2
  shift 2
  LD_LIBRARY_PATH=$libdir "$program" "$@"
}

for dir in "$ours" "$theirs"; do
  LD_LIBRARY_PATH=$dir ldd "$build/bench/bench" | grep -qF " $dir/$soname" \
    || die "the program does not run on the library in $dir"
done

# rates SIDE NAME: measures once, per second and per second of processor time.  Of the wire, the
# sides are two ways to do the same.
rates() {
  case $1 in
    none) echo - - ;;
    fast) "$build/bench/wire" "$2" "$seconds" ;;
    plain) "$build/bench/wire" "$2-plain" "$seconds" ;;
    corked) "$build/bench/bench-corked" "$2" "$seconds" ;;
    *) on "$1" bench "$2" "$seconds" ;;
  esac || echo failed
}

# take_turns NAME SIDE SIDE: prints a line with the rates of both for each round.
take_turns() {
  round=0
  while [ $round -lt "$rounds" ]; do
    if [ $((round % 2)) = 0 ]; then
      a=$(rates "$2" "$1") b=$(rates "$3" "$1")
    else
      b=$(rates "$3" "$1") a=$(rates "$2" "$1")
    fi
    echo "$a $b"
    round=$((round + 1))
  done
}

# Makes a line of the table from the lines of take_turns.
# shellcheck disable=SC2016
row=$(cat "$here/median.awk")'
{
  bad += /failed/; lone += $3 == "-"
  a[NR] = $1 + 0; b[NR] = $3 + 0; ratio[NR] = $3 + 0 ? $1 / $3 : 0; cpu[NR] = $4 + 0 ? $2 / $4 : 0
}
END {
  if (bad) { printf "%-42s failed\n", title; exit }
  printf "%-42s %5s %11s ", title, unit, show(median(a, NR))
  if (lone) { print "         -"; exit }
  printf "%11s %8.2f", show(median(b, NR)), median(ratio, NR)
  printf "  %12s %10.2f\n", sprintf("%.2f - %.2f", ratio[1], ratio[NR]), median(cpu, NR)
}'

# table LIST SIDE SIDE: a row for each line of LIST, as the programs print it.
table() {
  printf '%s\n' "$1" | while IFS='|' read -r name unit title scope; do
    case $name in *-plain) continue ;; esac
    wanted "$name" || continue
    first=$2 side=$3
    case $scope in
      corked) first=corked ;;
      ours) [ "$3" = plain ] || side=none ;;
      scale) continue ;; # scale.sh has them
    esac
    take_turns "$name" "$first" "$side" | awk -v title="$title" -v unit="$unit" "$row"
  done
}

# header LEFT RIGHT: the names of the columns.
header() {
  printf '%-42s %5s %11s %11s %8s  %12s %10s\n' '' per "$1" "$2" ratio 'least - most' processor
}

cat <<END
How fast evassuan is, and $other: $theirs

Client and server are the same library, unless the line says that one of them is alone: then the
other is nothing but a socket.  The libraries took turns, $rounds rounds of $seconds s each; all
figures are medians.  "ratio" is evassuan's rate to the other's, above 1 evassuan is faster, and
"least - most" what it was in single rounds.  "processor" is the same ratio by processor time, that
of all threads and of the kernel for them: it hardly depends on what else the machine does.

END
header evassuan $other
table "$("$build/bench/bench" list)" "$ours" "$theirs"

if [ -z "$rows" ]; then
cat <<END

What it takes: counted, not measured, less is better

                                               system calls          allocations
                                            evassuan $(printf %9s $other)    evassuan $(printf %9s $other)
END
on "$ours" costs list | while IFS='|' read -r name title; do
  echo "$(on "$ours" costs "$name" || echo - -) $(on "$theirs" costs "$name" || echo - -)" \
    | awk -v title="$title" '{ printf "%-42s %9.2f %9.2f %11.2f %9.2f\n", title, $1, $3, $2, $4 }'
done
printf '\n%-42s %9s %9s\n' 'octets of memory of an idle connection' \
  "$(on "$ours" costs idle-memory)" "$(on "$theirs" costs idle-memory)" \
  '  as the system counts it' "$(on "$ours" costs idle-resident)" "$(on "$theirs" costs idle-resident)"
fi

cat <<END

Escapes of data lines, many octets at a time and octet by octet

END
header vectors 'by octet'
table "$("$build/bench/wire" list)" fast plain
