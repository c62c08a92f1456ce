# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=sh disable=SC2154,SC2086,SC2046
# builds.sh - build directories: what they have, how they get more.  Read by `./dev`.
#
# A build directory has parts, which are Meson's options of these names: examples, tools, tests,
# bench, fuzz.  A command asks for those that it uses, and no other is configured, so that none wants
# packages that the command does not.  What a directory has it keeps: commands may come in any order.

# parts DIR: those that a build directory has.
parts() {
  [ -f "$1/build.ninja" ] || return 0
  meson introspect "$1" --buildoptions | python3 -c '
import json, sys
for option in json.load(sys.stdin):
    if option["section"] == "user" and option["value"] is True:
        print(option["name"])'
}

# configure DIR "PART..." [MESON OPTION...]: sets a build directory up; sets it up again if it lacks
# a part, or if packages came or went since, for which Meson then looks anew.
configure() {
  dir=$1
  wanted=$2
  shift 2
  have=$(parts "$dir" | tr '\n' ' ')
  now=$(installed)
  lacks=
  for part in $wanted; do
    set -- "$@" "-D$part=true"
    case " $have" in *" $part "*) ;; *) lacks=yes ;; esac
  done
  if [ -f "$dir/build.ninja" ]; then
    [ -n "$lacks" ] || [ "$now" != "$(cat "$dir/packages" 2>/dev/null)" ] || return 0
    # Half set up it must not pass for done.
    rm -f "$dir/packages"
    log=$({ meson configure "$dir" --clearcache && meson setup --reconfigure "$dir" "$@"; } 2>&1)
  else
    log=$(meson setup "$dir" -Dtests=false -Dexamples=false -Dtools=false "$@" 2>&1)
  fi || { printf '%s\n' "$log" >&2; exit 1; }
  printf '%s\n' "$now" >"$dir/packages"
}

# compile DIR [TARGET...]: quiet unless something is wrong.
compile() {
  dir=$1
  shift
  if ! ninja -C "$dir" "$@" >"$dir/compile.log" 2>&1; then
    grep -v '^\[' "$dir/compile.log" >&2 || true
    exit 1
  fi
  grep -A 6 'warning:' "$dir/compile.log" || true
}

# build "PART..." [PACKAGE...]: builds into build/, with these parts and those that it has already;
# the command needs the packages besides.
build() {
  wanted=$1
  shift
  [ ! -f build/build.ninja ] || need $library_packages
  have=$(parts build)
  need $(packages_of $wanted $have) "$@"
  configure build "$wanted"
  say "building into build/"
  compile build
}
