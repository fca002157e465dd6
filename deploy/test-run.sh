#!/usr/bin/env bash
# Tests deploy/run and deploy/stop with small stand-ins for the programs: what matters here is who
# lives and who ends. A stand-in agent starts a "guest", a sleep in a session of its own.
set -uo pipefail
cd "$(dirname "$0")/.." || exit
# As short a path as the sockets want.
work=$(mktemp -d /tmp/umbel-test.XXXXXX)
passed=0 failed=0

mkdir "$work/bin"
cat >"$work/bin/umbel-agent" <<'STAND_IN'
#!/usr/bin/env bash
while [ $# -gt 0 ]; do
    case $1 in
        --data) data=$2; shift ;;
        --run) run=$2; shift ;;
        serve | stop-guests) verb=$1 ;;
    esac
    shift
done
if [ "$verb" = stop-guests ]; then kill "$(cat "$data/guest")" 2>/dev/null; exit 0; fi
mkdir -p "$run/inst"
# The guest of an earlier agent is found again.
kill -0 "$(cat "$data/guest" 2>/dev/null)" 2>/dev/null || { setsid "${0%/*}/guest" 120 & echo $! >"$data/guest"; }
echo $$ >"$data/agent.pid"
grep SigIgn /proc/self/status >"$data/agent.ignored"
touch "$run/inst/agent.sock"
trap 'exit 0' TERM
while :; do "${0%/*}/sleep" 1 & wait $!; done
STAND_IN
cat >"$work/bin/umbel" <<'STAND_IN'
#!/usr/bin/env bash
while [ $# -gt 0 ]; do
    case $1 in --data) data=$2; shift ;; --listen) listen=$2; shift ;; esac
    shift
done
echo $$ >"$data/panel.pid"
echo "listening" >&2
echo "Umbel is ready at http://${listen:-127.0.0.1:8080}"
trap '[ -e "$data/stubborn" ] || exit 0' TERM
while :; do "${0%/*}/sleep" 1 & wait $!; done
STAND_IN
printf '#!/bin/sh\n' >"$work/bin/umbel-shim"
# Copies, so that what is left can be told from anybody else's.
cp "$(command -v sleep)" "$work/bin/guest"
cp "$(command -v sleep)" "$work/bin/sleep"
chmod +x "$work"/bin/*
export BIN=$work/bin RUN=$work/run DATA=
unset LISTEN

check() { # what, command…
    local what=$1
    shift
    if "$@"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED: $what" >&2
    fi
}
# Waits up to ten seconds (SECONDS_MAX) for a command to hold.
soon() {
    local i
    for ((i = 0; i < ${SECONDS_MAX:-10} * 20; i++)); do
        if "$@"; then return 0; fi
        sleep 0.05
    done
    return 1
}
# A zombie counts as gone: who reaps it depends on the machine.
alive() { local s; s=$(ps -o stat= -p "${1:-0}") && [ "${s:0:1}" != Z ]; }
gone() { ! alive "$1"; }
says() { grep -q "$1" "$2" 2>/dev/null; }
# Programs run from there, whichever way.
none_left() { ! pgrep -f "^(bash )?$work/bin/" >/dev/null; }
pid_of() { cat "$DATA/$1" 2>/dev/null || echo 0; }
other_pid() { local now; now=$(pid_of "$1"); [ "$now" != "$2" ] && alive "$now"; }
up() { soon says '^Umbel is ready' "$1"; }
guest_ends() { kill "$(cat "$DATA/guest")" 2>/dev/null || true; }

fresh() { # name
    DATA=$work/$1
    mkdir -p "$DATA"
    again
}
# A new file for what the next run says: an old one would look as if it were up already.
runs=0
again() { runs=$((runs + 1)) out=$work/out.$runs; }

fresh ctrl-c
# In a terminal of its own, whose foreground group gets the Ctrl-C.
mkfifo "$work/keys"
# What runs in the background of a script ignores Ctrl-C, and a shell can't undo that for itself.
env --default-signal script -q -f -E never -c "make -s run-only | tee $out" /dev/null <"$work/keys" >"$work/terminal" 2>&1 &
terminal=$!
exec 7>"$work/keys"
check "starts in a pipe to tee" up "$out"
agent=$(pid_of agent.pid) panel=$(pid_of panel.pid) guest=$(pid_of guest)
check "the agent ignores no signal" grep -q 'SigIgn:[[:space:]]*[0-9a-f]*0000000$' "$DATA/agent.ignored"
printf '\003' >&7
check "Ctrl-C ends make and tee" soon gone "$terminal"
exec 7>&-
check "Ctrl-C ends the panel" gone "$panel"
check "Ctrl-C ends the agent" gone "$agent"
check "Ctrl-C leaves the guest" alive "$guest"
check "the log is shown" says 'panel: listening' "$work/terminal"
guest_ends

fresh hang-up
env --default-signal script -q -f -E never -c "make -s run-only >$out" /dev/null </dev/zero >/dev/null 2>&1 &
terminal=$!
check "starts in a terminal" up "$out"
agent=$(pid_of agent.pid) panel=$(pid_of panel.pid) guest=$(pid_of guest)
kill -KILL "$terminal"
check "a closed terminal ends the panel" soon gone "$panel"
check "a closed terminal ends the agent" soon gone "$agent"
check "a closed terminal leaves the guest" alive "$guest"
guest_ends

fresh restart
# Whoever runs the tests under nohup(1) hands on that a hang-up is ignored.
env --default-signal deploy/run >"$out" 2>"$work/err" &
supervisor=$!
check "starts without a terminal" up "$out"
agent=$(pid_of agent.pid) panel=$(pid_of panel.pid) guest=$(pid_of guest)
kill -KILL "$panel"
check "a killed panel is started again" soon other_pid panel.pid "$panel"
kill -KILL "$agent"
check "a killed agent is started again" soon other_pid agent.pid "$agent"
check "its guest runs on" [ "$(pid_of guest)" = "$guest" ]
check "it says so" soon says 'panel ended with status 137; it is started again in 200 ms' "$work/err"
check "the ready line is printed once" [ "$(grep -c ready "$out")" = 1 ]
second=0
deploy/run >"$work/second" 2>&1 || second=$?
check "a second one on the same data exits 1" [ "$second" = 1 ]
check "and names the first" says "already runs on $DATA (process $supervisor)" "$work/second"

first=$DATA first_panel=$(pid_of panel.pid)
fresh beside
LISTEN=127.0.0.1:9 deploy/run >"$out" 2>/dev/null &
beside=$!
check "another data directory runs beside it" up "$out"
check "LISTEN reaches the panel" says 'http://127.0.0.1:9$' "$out"
kill -KILL "$beside"
agent=$(pid_of agent.pid) panel=$(pid_of panel.pid) guest=$(pid_of guest)
check "SIGKILL of the supervisor leaves the panel" alive "$panel"
again
deploy/run >"$out" 2>/dev/null &
beside=$!
check "the next run ends the left panel" soon gone "$panel"
check "and the left agent" soon gone "$agent"
check "and is up" soon says ready "$out"
touch "$DATA/stubborn"
panel=$(pid_of panel.pid)
check "make stop succeeds" make -s stop
check "make stop ends the supervisor" gone "$beside"
check "make stop kills a panel that won't end" gone "$panel"
check "make stop ends the guest" soon gone "$guest"
check "and touches no other panel" alive "$first_panel"

DATA=$first
guest=$(pid_of guest)
kill -HUP "$supervisor"
wait "$supervisor"
check "a hang-up of the supervisor alone ends it with 129" [ $? = 129 ]
check "its guest runs on" alive "$guest"
again
deploy/run >"$out" 2>/dev/null &
supervisor=$!
check "the next run is up" up "$out"
check "and finds its guest" [ "$(pid_of guest)" = "$guest" ]
check "make stop ends it" make -s stop
soon gone "$supervisor" || kill -KILL "$supervisor"
wait "$supervisor"
check "with status 0" [ $? = 0 ]
check "make stop without a panel succeeds twice" deploy/stop
check "no process of the test is left" soon none_left

[ -n "${KEEP:-}" ] || rm -rf "$work"
echo "run: $passed passed, $failed failed"
[ "$failed" = 0 ]
