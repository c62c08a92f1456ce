#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# run.sh - measures evassuan: libraries.sh the library against Debian's, one connection at a time,
# servers.sh servers for many clients, tool.sh the command line tool, and scale.sh how what one thing
# costs changes where there are many.
#
# usage: run.sh BUILDDIR                             everything
#        run.sh BUILDDIR libraries|servers|tool|scale [ROW...]  one of the four, or some rows of it
#        run.sh BUILDDIR ROW...                      rows of servers
#        run.sh BUILDDIR list                        the names of all rows
#        run.sh BUILDDIR --against REV ...           one of these, but the other side is the library
#                                                    as it was at the revision REV
#        run.sh BUILDDIR path                        what one NOP passes: calls, functions, files,
#                                                    instructions; counted, not measured

set -eu
here=$(dirname "$0")
build=$1
shift

die() { echo "bench: $*" >&2; exit 1; }

# build_old REV: builds that revision as BUILDDIR was built, and sets AGAINST to where that is.
build_old() {
  revision=$(git rev-parse --verify --quiet --short "$1^{commit}") || die "there is no revision '$1'"
  AGAINST=$build/../build-bench-$revision
  export AGAINST
  [ ! -f "$AGAINST/complete" ] || return 0
  rm -rf "$AGAINST" "$AGAINST.src"
  mkdir -p "$AGAINST.src"
  git archive "$revision" | tar -x -C "$AGAINST.src"
  echo "== building $revision" >&2
  { meson setup "$AGAINST" "$AGAINST.src" -Dbuildtype=release -Db_lto=true -Dbench=true -Dtests=false \
    && ninja -C "$AGAINST"; } >"$AGAINST.log" 2>&1 || { tail -n 20 "$AGAINST.log" >&2; exit 1; }
  rm -f "$AGAINST.log"
  touch "$AGAINST/complete"
}

if [ "${1:-}" = --against ]; then
  [ $# -ge 2 ] || die "against which revision? ./dev bench --against REV [WHAT]"
  build_old "$2"
  shift 2
fi

# Without optimization every call of the source is one.
path() {
  plain=$build/../build-path
  command -v valgrind >/dev/null || die "counting needs valgrind; 'apt-get install valgrind' has it"
  [ -f "$plain/build.ninja" ] \
    || meson setup "$plain" -Dbuildtype=debug -Dbench=true -Dtests=false -Dexamples=false -Dtools=false >/dev/null
  ninja -C "$plain" >/dev/null
  exec python3 "$here/path.py" "$build/bench/servers/load" \
    "$plain/bench/servers/server-embedded" "$build/bench/servers/server-embedded"
}

case ${1:-} in
  '')
    sh "$here/libraries.sh" "$build"
    echo
    sh "$here/servers.sh" "$build"
    # Of the tool there is no older one to take turns with.
    [ -z "${AGAINST:-}" ] || exit 0
    echo
    exec sh "$here/tool.sh" "$build"
    ;;
  list)
    echo path
    for part in libraries servers tool scale; do sh "$here/$part.sh" "$build" list; done
    ;;
  path) path ;;
  libraries | servers | tool | scale) part=$1; shift; exec sh "$here/$part.sh" "$build" "$@" ;;
  *) exec sh "$here/servers.sh" "$build" "$@" ;;
esac
