#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# demo.sh - what the library does, shown with programs of other projects.
#
# usage: demo.sh SERVER EXAMPLES-DIRECTORY COMPAT-DIRECTORY ASSUANCTL     (`./dev run` builds and calls this)
#
# First several gpg-connect-agent, on the system's own libassuan, use an example server at the same
# time: the one in the loop named SERVER, or `threads`, or `by-hand`.  Then gpg and gpg-agent run on
# our libassuan, of whichever generation they are built for, and an example client uses that agent.
# All of it happens in a new directory, and nothing of it is left afterwards.  Exit status: 0 if all
# went as it says, else 1.

set -eu

[ $# = 4 ] || { echo "usage: demo.sh SERVER EXAMPLES-DIRECTORY COMPAT-DIRECTORY ASSUANCTL" >&2; exit 2; }
server_name=$1
examples=$2
compat=$(cd "$3" && pwd -P)
tool=$4

# A socket's path has 107 octets at most, so neither the source's directory nor TMPDIR will do.
dir=$(mktemp -d /tmp/eva-demo.XXXXXX)
socket=$dir/S
pids=
agent=
case $server_name in
  by-hand) server_program=$examples/by-hand/loop-server; set -- "$socket" ;;
  threads) server_program=$examples/threads-server;      set -- "$socket" 3 ;;
  *)       server_program=$examples/server-$server_name; set -- "unix:$socket" ;;
esac
if [ ! -x "$server_program" ]; then
  echo "demo: $server_program was not built: the library of its loop is missing" >&2
  rmdir "$dir"
  exit 1
fi

cleanup() {
  trap - EXIT
  trap '' INT TERM HUP
  for pid in $pids; do
    kill "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
  done
  if [ -d "$dir/home" ]; then
    at_home gpgconf --kill all 2>/dev/null || true
    gone "$agent" || kill -KILL "$agent" 2>/dev/null || true
  fi
  rm -rf "$dir"
}
trap cleanup EXIT
trap 'echo; echo "demo: interrupted" >&2; exit 130' INT
trap 'exit 143' TERM
trap 'exit 129' HUP

title() { printf '\n%s\n\n' "$*"; }
row()   { printf '  %-9s %-44s %s\n' "$1" "$2" "$3"; }

fail() {
  printf '\ndemo: FAILED: %s\n' "$1" >&2
  shift
  for file; do
    [ ! -s "$file" ] || sed "s|^|  ${file##*/}: |" "$file" >&2
  done
  exit 1
}

# limited COMMAND...: nothing here takes long; what takes a minute hangs.
limited() { timeout --foreground 60 "$@"; }

# at_home COMMAND...: one of GnuPG's, with a home of its own and on our libassuan.
at_home() { limited sh "$dir/at_home" "$@"; }

# await FILE PATTERN PID: wait until a line of FILE matches; false if process PID ended before.
await() {
  tries=600
  while ! grep -q "$2" "$1" 2>/dev/null; do
    tries=$((tries - 1))
    [ $tries -gt 0 ] && kill -0 "$3" 2>/dev/null || return 1
    sleep 0.1
  done
}

# gone PID: wait until the process, which may be no child, has ended; false if it does not.
gone() {
  tries=100
  while [ -n "$1" ] && kill -0 "$1" 2>/dev/null; do
    tries=$((tries - 1))
    [ $tries -gt 0 ] || return 1
    sleep 0.1
  done
}

# start NAME COMMAND...: a gpg-connect-agent on the socket, in the background, line by line into
# NAME.out; its pid is left in $started.
start() {
  name=$1
  shift
  stdbuf -oL gpg-connect-agent -S "$socket" "$@" /bye >"$dir/$name.out" 2>&1 &
  started=$!
  pids="$pids $started"
}

# finish NAME PID: wait for what start began; it must have got an answer.
finish() {
  wait "$2" || fail "client $1 did not end well" "$dir/$1.out" "$dir/server.log"
}

# expect NAME PATTERN WHAT: the answers of client NAME contain PATTERN.
expect() {
  grep -q "$2" "$dir/$1.out" || fail "client $1: $3" "$dir/$1.out" "$dir/server.log"
}

# But for those that loops open when they first need a timer.
n_descriptors() {
  find "/proc/$server/fd" -mindepth 1 -printf '%l\n' 2>/dev/null | grep -vc timerfd
}

# --- Many clients, one loop ----------------------------------------------------------------------

case $server_name in
  threads) title "1. A server of three threads, with an event loop in each, and many clients" ;;
  by-hand) title "1. A server in one thread, with a loop of its own, and many clients" ;;
  *)       title "1. A server in one thread, in one event loop ($server_name), and many clients" ;;
esac

"$server_program" "$@" >"$dir/server.log" 2>&1 &
server=$!
pids=$server
await "$dir/server.log" listening "$server" || fail "the server does not start" "$dir/server.log"
before=$(n_descriptors)
row server "${server_program##*/} $*" "pid $server, waits for clients"

start A 'COUNT 1000'
a=$started
await "$dir/A.out" '^S PROGRESS' "$a" || fail "client A does not count" "$dir/A.out"
row "client A" "COUNT 1000, a hundred seconds' work" "$(tail -n 1 "$dir/A.out")"

printf 'The quick brown fox jumps over the lazy dog.\n' >"$dir/text"
digest=$(sha256sum "$dir/text" | cut -d ' ' -f 1)
start B 'ECHO Hello, 100% of the world'; b=$started
start C 'LIST 1000';                     c=$started
start D 'FAIL 58 nothing to see here';   d=$started
start E 'COUNT 5';                       e=$started
start F "/definqfile DATA $dir/text" DIGEST; f=$started
row "clients" "B, C, D, E and F come at the same time" "..."

finish B "$b"; expect B '^D Hello, 100%25 of the world$' "another echo"
row "client B" "ECHO Hello, 100% of the world" "$(head -n 1 "$dir/B.out")"
finish C "$c"
[ "$(grep -c '^D ' "$dir/C.out")" = 1000 ] || fail "client C: not a thousand lines" "$dir/C.out"
row "client C" "LIST 1000" "$(grep -c '^D ' "$dir/C.out") data lines"
finish D "$d"; expect D '^ERR .*nothing to see here$' "another error"
row "client D" "FAIL 58 nothing to see here" "$(cut -c 1-40 "$dir/D.out")..."
finish F "$f"; expect F '^INQUIRE DATA' "no inquiry"; expect F "^D $digest\$" "another digest"
row "client F" "DIGEST, inquires DATA, answered from a file" "D $(echo "$digest" | cut -c 1-24)..."
finish E "$e"
[ "$(grep -c '^S PROGRESS' "$dir/E.out")" = 5 ] || fail "client E: not five reports" "$dir/E.out"
row "client E" "COUNT 5" "$(grep -c '^S PROGRESS' "$dir/E.out") progress reports, OK"

start G "/sendfd $dir/text r" 'INPUT FD' "/sendfd $dir/copy w" 'OUTPUT FD' COPY
finish G "$started"; expect G '^S COPIED 45$' "not copied"
cmp -s "$dir/text" "$dir/copy" || fail "client G: the copy differs" "$dir/G.out"
row "client G" "COPY, from one passed descriptor to another" "$(grep COPIED "$dir/G.out")"

answer=$(limited "$examples/client" "$socket" ECHO from the blocking client) \
  || fail "the blocking client failed" "$dir/server.log"
[ "$answer" = "from the blocking client" ] || fail "the blocking client got: $answer"
row client "examples/client, sixty lines" "$answer"

# The tool: data alone, an exit status, an inquiry, JSON.
answer=$(limited "$tool" call "unix:$socket" ECHO from the tool) || fail "assuanctl failed" "$dir/server.log"
[ "$answer" = "from the tool" ] || fail "assuanctl got: $answer"
row assuanctl "call ECHO from the tool" "$answer"
status=0
limited "$tool" call "unix:$socket" FAIL 58 nothing 2>"$dir/tool.err" || status=$?
[ $status = 1 ] || fail "assuanctl: another exit status: $status" "$dir/tool.err"
row assuanctl "call FAIL 58 nothing" "exit status 1"
answer=$(limited "$tool" call -q -i "DATA=file:$dir/text" "unix:$socket" DIGEST) || fail "assuanctl: no digest"
[ "$answer" = "$digest" ] || fail "assuanctl: another digest: $answer"
row assuanctl "call -i DATA=file:text DIGEST" "$(echo "$answer" | cut -c 1-24)..."
answer=$(limited "$tool" -j call "unix:$socket" ECHO Hello) || fail "assuanctl: no JSON"
row assuanctl "-j call ECHO Hello" "$(echo "$answer" | grep '"data"')"

# A server whose command is a script, and one that passes on what its allow-list lets pass.
# shellcheck disable=SC2016  # the script expands it
"$tool" serve "unix:$dir/served" 'GREET=printf "Hello, %s" "$1"' 2>"$dir/served.log" &
served=$!
"$tool" relay "unix:$dir/relayed" "unix:$socket" --allow=ECHO 2>"$dir/relayed.log" &
relayed=$!
pids="$pids $served $relayed"
limited "$tool" wait "unix:$dir/served" || fail "assuanctl serve does not serve" "$dir/served.log"
answer=$(limited "$tool" call "unix:$dir/served" GREET Ada) || fail "GREET failed" "$dir/served.log"
[ "$answer" = "Hello, Ada" ] || fail "GREET got: $answer"
row assuanctl "serve 'GREET=printf ...', call GREET Ada" "$answer"
limited "$tool" wait "unix:$dir/relayed" || fail "assuanctl relay does not listen" "$dir/relayed.log"
answer=$(limited "$tool" call "unix:$dir/relayed" ECHO relayed) || fail "the relay fails" "$dir/relayed.log"
status=0
limited "$tool" call "unix:$dir/relayed" FAIL 58 2>"$dir/tool.err" || status=$?
grep -q Forbidden "$dir/tool.err" || fail "the relay passed FAIL: $status" "$dir/tool.err"
row assuanctl "relay --allow=ECHO, call ECHO, call FAIL" "$answer, Forbidden"
for pid in $served $relayed; do
  kill "$pid"
  wait "$pid" || fail "assuanctl did not end well" "$dir/served.log" "$dir/relayed.log"
done

# A terminal for the client, whose keys come from a fifo.
if [ -x "$examples/glib-client" ]; then
  mkfifo "$dir/keys"
  script -qefc "exec $examples/glib-client unix:$socket 30" /dev/null <"$dir/keys" \
    >"$dir/glib.out" 2>&1 &
  glib=$!
  pids="$pids $glib"
  exec 4>"$dir/keys"
  await "$dir/glib.out" ' 5 of 30' "$glib" || fail "glib-client does not count" "$dir/glib.out"
  printf c >&4
  await "$dir/glib.out" 'cancelled' "$glib" || fail "glib-client does not cancel" "$dir/glib.out"
  row client "glib-client, COUNT 30, its key c cancels" "cancelled at about 5 of 30"
  await "$dir/glib.out" 'the server says' "$glib" || fail "glib-client has lost its connection" \
    "$dir/glib.out"
  wait "$glib" || fail "glib-client did not end well" "$dir/glib.out"
  exec 4>&-
  row client "glib-client, ECHO on the same connection" "is answered"
fi

grep -q '^OK' "$dir/A.out" && fail "client A has stopped counting" "$dir/A.out"
row "client A" "still counting" "$(tail -n 1 "$dir/A.out")"
kill -KILL "$a"
wait "$a" 2>/dev/null || true
tries=100
while [ "$(n_descriptors)" != "$before" ]; do
  tries=$((tries - 1))
  [ $tries -gt 0 ] || fail "the server did not let go of the clients that left"
  sleep 0.1
done
row "client A" "is killed in the middle of its command" "the server has let go of it"

start H 'ECHO And life goes on.'
finish H "$started"; expect H '^D And life goes on.$' "another echo"
row "client H" "ECHO And life goes on." "$(head -n 1 "$dir/H.out")"

kill -TERM "$server"
wait "$server" || fail "the server did not end well" "$dir/server.log"
[ ! -e "$socket" ] || fail "the server left its socket behind"
pids=
row server "ends on SIGTERM" "its socket is removed"

# --- GnuPG on our library ------------------------------------------------------------------------

wanted=$(ldd "$(command -v gpg-agent)" | sed -n 's/^[[:space:]]*\(libassuan\.so\.[0-9]*\) .*/\1/p')
case $wanted in
  libassuan.so.0) library_file=$compat/2/$wanted ;;
  libassuan.so.9) library_file=$compat/3/$wanted ;;
  *) fail "gpg-agent is built for no libassuan that we know: '$wanted'" ;;
esac
title "2. GnuPG, unmodified, on our $wanted"
# The loader writes down what it found (LD_DEBUG), because gpg-agent lets only root look into its
# memory map.
export compat
cat >"$dir/at_home" <<END
export GNUPGHOME='$dir/home' LC_ALL=C LD_DEBUG=files LD_DEBUG_OUTPUT='$dir/ld/record'
exec "\$compat/evassuan-run" "\$@"
END
mkdir -m 700 "$dir/home" "$dir/ld"
printf '%s\n' disable-scdaemon 's2k-count 65536' >"$dir/home/gpg-agent.conf"
echo 'a passphrase' >"$dir/passphrase"
# GnuPG 2.4 may keep its keys in a daemon of their own.
keyboxd=$(gpgconf --list-dirs libexecdir)/keyboxd
[ ! -x "$keyboxd" ] || echo use-keyboxd >"$dir/home/common.conf"
user='Demo <demo@example.org>'

# run_gpg ARGUMENT...: in the new home; asks the file for the passphrase.
run_gpg() {
  at_home gpg --batch --quiet --yes --pinentry-mode loopback \
    --passphrase-file "$dir/passphrase" "$@" 2>"$dir/gpg.err" || fail "gpg $*" "$dir/gpg.err"
}

# agent COMMAND...: asks the agent.
ask_agent() {
  at_home gpg-connect-agent "$@" /bye 2>"$dir/ask.err"
}

# library PID NAME: the libassuan that the running process NAME has mapped, or by the loader's word.
library() {
  if [ -r "/proc/$1/maps" ] && maps=$(grep libassuan "/proc/$1/maps" 2>/dev/null); then
    echo "$maps" | sed 's|^[^/]*||' | sort -u
  else
    record=$(grep -l "initialize program: .*$2\$" "$dir"/ld/record.* | tail -n 1)
    sed -n 's|.*calling init: \(.*/libassuan.*\)|\1|p' "$record"
  fi
}

# check_library PID NAME: NAME runs on ours, and nothing else.
check_library() {
  found=$(library "$1" "$2")
  case $found in
    "$library_file"*) row "$2" "pid $1 has mapped" "$found" ;;
    *) fail "$2 ($1) runs on '$found', not on $library_file" ;;
  esac
}

at_home gpg-agent --daemon >"$dir/agent.log" 2>&1 \
  || fail "gpg-agent does not start" "$dir/agent.log"
agent=$(ask_agent 'GETINFO pid' | sed -n 's/^D //p')
[ -n "$agent" ] || fail "gpg-agent does not answer" "$dir/agent.log" "$dir/ask.err"
row gpg-agent "gpg-agent --daemon" "pid $agent"

run_gpg --quick-gen-key "$user" ed25519 default 0
key=$(run_gpg --with-colons --list-keys | sed -n '/^fpr/{s/^fpr:*\(.*\):/\1/p;q;}')
run_gpg --quick-add-key "$key" cv25519 encr 0
row gpg "--quick-gen-key '$user'" "$(echo "$key" | cut -c 1-16)..."

check_keyboxd() {
  pid=$(at_home gpg-connect-agent --keyboxd 'GETINFO pid' /bye | sed -n 's/^D //p')
  [ -n "$pid" ] || fail "keyboxd does not answer"
  check_library "$pid" keyboxd
}

# What gpg does by way of its agent, and that both of them run on our library.  gpg asks for the
# passphrase in the middle of the agent's inquiry, and waits for it on a pipe: the moment to look at
# both processes.
show_gpg() {
  ask_agent RELOADAGENT >/dev/null || fail "gpg-agent does not reload" "$dir/ask.err"
  mkfifo "$dir/commands"
  sh "$dir/at_home" gpg --quiet --no-tty --pinentry-mode loopback --command-fd 0 --status-fd 2 \
    --output "$dir/text.gpg" --sign "$dir/text" <"$dir/commands" 2>"$dir/gpg.status" &
  gpg=$!
  pids=$gpg
  exec 3>"$dir/commands"
  await "$dir/gpg.status" 'GET_HIDDEN passphrase.enter' "$gpg" \
    || fail "gpg does not ask for the passphrase" "$dir/gpg.status"
  row gpg "--sign, waits for its passphrase" "pid $gpg"
  check_library "$gpg" gpg
  check_library "$agent" gpg-agent
  [ ! -x "$keyboxd" ] || check_keyboxd
  cat "$dir/passphrase" >&3
  exec 3>&-
  wait "$gpg" || fail "gpg --sign" "$dir/gpg.status"
  pids=
  row gpg "--sign" "$(wc -c <"$dir/text.gpg") octets"

  run_gpg --status-fd 1 --verify "$dir/text.gpg" >"$dir/verify"
  grep -q GOODSIG "$dir/verify" || fail "the signature does not verify" "$dir/verify"
  row gpg "--verify" "Good signature from $user"

  run_gpg --recipient "$user" --output "$dir/secret.gpg" --encrypt "$dir/text"
  row gpg "--encrypt" "$(wc -c <"$dir/secret.gpg") octets"
  run_gpg --output "$dir/opened" --decrypt "$dir/secret.gpg"
  cmp -s "$dir/text" "$dir/opened" || fail "the decrypted text differs"
  row gpg "--decrypt" "$(cut -c 1-28 "$dir/opened")..."
}
show_gpg

# What gpg asks the agent for while it decrypts, by a tool in between that neither of them notices.
# Some systems allow no private mounts to users, or in containers.
show_monitor() {
  status=0
  at_home "$tool" monitor -w "$dir/monitor" agent -- gpg --batch --quiet --pinentry-mode loopback \
    --passphrase-file "$dir/passphrase" --decrypt "$dir/secret.gpg" >"$dir/watched" 2>"$dir/tool.err" \
    || status=$?
  if [ $status = 5 ] && grep -q 'allows no private' "$dir/tool.err"; then
    row assuanctl "monitor agent -- gpg --decrypt secret.gpg" "not here: no private mounts"
    return
  fi
  { [ $status = 0 ] && cmp -s "$dir/text" "$dir/watched"; } || fail "assuanctl monitor" "$dir/tool.err" "$dir/monitor"
  grep -q "$(cat "$dir/passphrase")" "$dir/monitor" && fail "assuanctl shows a secret" "$dir/monitor"
  row assuanctl "monitor agent -- gpg --decrypt secret.gpg" \
    "$(sed -n 's/^[0-9:.]* #1 \(pid [0-9]* uid [0-9]* gpg\) .*/\1/p' "$dir/monitor" | head -n 1) asks:"
  grep -E '> PKDECRYPT|< INQUIRE|\[secret\]|PKDECRYPT: ' "$dir/monitor" \
    | sed 's/  */ /g' | while read -r line; do row "" "" "$line"; done
}
show_monitor

# The client is on evassuan; the agent still has the passphrase, or asks for it.
grip=$(run_gpg --with-colons --with-keygrip --list-keys | sed -n '/^grp/{s/^grp:*\(.*\):/\1/p;q;}')
signing=$(limited env GNUPGHOME="$dir/home" "$examples/agent-keys" \
  "$(env GNUPGHOME="$dir/home" gpgconf --list-dirs agent-socket)" "$grip" \
  <"$dir/passphrase" 2>"$dir/keys.err") || fail "agent-keys" "$dir/keys.err"
row client "agent-keys, asks gpg-agent for its keys" "$(echo "$signing" | grep -c 'on disk') keys"
row client "agent-keys, lets it sign a hash" "$(echo "$signing" | sed -n 's/^signed with .*: //p')"

at_home gpgconf --kill all || fail "gpgconf --kill all"
gone "$agent" || fail "gpg-agent does not end"
agent=
row gpg-agent "gpgconf --kill all" "has ended"

# --- No process slipped through ------------------------------------------------------------------

n=0
for record in "$dir"/ld/record.*; do
  found=$(sed -n 's|.*calling init: \(.*/libassuan.*\)|\1|p' "$record")
  case $found in
    '') ;;
    "$compat"/*) n=$((n + 1)) ;;
    *) fail "a process ran on $found" ;;
  esac
done
title "All as it should be. $n processes of GnuPG ran on $library_file"
