#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# inside.sh - enters a bare root and runs commands of `./dev` in the clone there, as the README says.
#
# usage: inside.sh ROOT PACKAGES COMMAND...     (fresh.sh calls this)
#
# This is process 1 of its namespace: no other process sees what it mounts, and when it ends, all
# others are killed.  PACKAGES is the directory that keeps downloaded packages.

set -eu
. dev.d/mounts.sh
root=$1
packages=$2
shift 2

# The lock stays with unshare.
exec 9>&-
trap 'exit 130' INT
trap 'exit 143' TERM HUP

mount_system "$root"
mount --bind "$packages" "$root/var/cache/apt/archives"

# What a newcomer types.  Packages may be installed and purged here, so they are.
# shellcheck disable=SC2016
set -- sh -euc '
  cd ~/evassuan
  for command; do
    [ "$command" != package ] || command="package check"
    echo "== \$ ./dev $command"
    began=$(date +%s)
    ./dev $command
    echo "== ./dev $command took $(($(date +%s) - began)) s"
  done' sh "$@"

# Only the way to the mirror comes from outside.
for variable in http_proxy https_proxy no_proxy; do
  value=$(eval "echo \"\${$variable:-}\"")
  [ -z "$value" ] || set -- "$variable=$value" "$@"
done

chroot "$root" env -i HOME=/root USER=root LOGNAME=root SHELL=/bin/sh TERM="${TERM:-dumb}" \
  PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$@"
