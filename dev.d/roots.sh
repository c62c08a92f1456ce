# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=sh disable=SC2034,SC2154
# roots.sh - what those share that make roots of Debian, fresh.sh and port.sh: the mirror, namespaces,
# and how a root that was not finished goes away.  Their caller is in the tree's directory, and sets
# `command_name` and `cache`.

say() { printf '%s\n' "== $*"; }
cannot() { echo "dev: $command_name: $*" >&2; exit 77; }

# need_tools PACKAGE...: skips where no root can be made.
need_tools() {
  [ ! -e /.dev-fresh ] || cannot "this is a bare root already"
  [ "$(id -u)" = 0 ] || cannot "only root can make a root"
  (need "$@") || cannot "it needs: $*"
  for tool in debootstrap unshare flock; do
    command -v $tool >/dev/null || cannot "there is no $tool"
  done
  unshare --mount --pid --fork true 2>/dev/null || cannot "root may not mount anything here"
}

# --- Cleaning up ----------------------------------------------------------------------------------

root=
child=
exec 3>&2

# What was mounted was never to be seen from here, so only files are removed.  Processes that were
# killed may take a moment to be gone.
cleanup() {
  trap '' EXIT INT TERM HUP
  [ -z "$child" ] || kill -KILL "$child" 2>/dev/null || true
  tries=100
  until [ -z "$root" ] || rm -rf "$root" "$root.tar" 2>/dev/null; do
    tries=$((tries - 1))
    [ $tries -gt 0 ] || { echo "dev: $command_name: cannot remove $root" >&2; break; }
    sleep 0.1
  done
}
trap cleanup EXIT
trap 'echo "dev: $command_name: interrupted" >&3; exit 130' INT
trap 'exit 143' TERM
trap 'exit 129' HUP

# apart COMMAND...: runs it in namespaces of its own; all of it ends with the child.  A shell hears
# signals only while it waits, and lets background jobs ignore Ctrl-C, which those here must not.
apart() {
  env --default-signal=INT,QUIT unshare --mount --pid --fork --kill-child "$@" 3>&- &
  child=$!
  status=0
  wait "$child" || status=$?
  child=
  return $status
}

# new_root NAME: makes a directory, `root`, which is removed in the end.  The lock is held as long as
# anything runs in the root, so what is left here was left by the dead.
new_root() {
  exec 9>"$cache/$1.lock"
  flock -n 9 || { say "waiting for another root of $1"; flock 9; }
  rm -rf "$cache/root.$1."*
  root=$(mktemp -d "$PWD/$cache/root.$1.XXXXXX")
}

# --- This machine's way to Debian's packages ------------------------------------------------------

# mirror SUITE...: where this machine gets the first of these suites from that it knows.
mirror() {
  for suite; do
    printf '%s\n' "$indices" | sed -n "s|^'\(.*\)/dists/$suite/InRelease'.*|\1|p"
  done | head -n 1
}

# find_mirror: sets `debian`, `security` and `proxy`.
find_mirror() {
  debian=
  security=
  if grep -qx 'ID=debian' /etc/os-release; then
    indices=$(apt-get --print-uris update 2>/dev/null || true)
    codename=$(. /etc/os-release; echo "${VERSION_CODENAME:-}")
    debian=$(mirror "$codename" stable oldstable testing)
    security=$(mirror "$codename-security" stable-security oldstable-security testing-security)
  fi
  : "${debian:=http://deb.debian.org/debian}" "${security:=http://deb.debian.org/debian-security}"
  proxy=
  eval "$(apt-config shell proxy Acquire::http::Proxy)"
}
