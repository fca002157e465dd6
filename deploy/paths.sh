# shellcheck shell=bash
# Where things lie for `make run` and its companions; sourced, never run.
# DATA and RUN may be set by the caller; the defaults are those of the programs themselves.

if [ "$(id -u)" = 0 ]; then
    : "${DATA:=/var/lib/umbel}" "${RUN:=/run/umbel}"
else
    : "${DATA:=${XDG_DATA_HOME:-$HOME/.local/share}/umbel}"
    : "${RUN:=${XDG_RUNTIME_DIR:-/tmp/umbel-$(id -u)}/umbel}"
fi

case $DATA in /*) ;; *) DATA=$PWD/$DATA ;; esac
case $RUN in /*) ;; *) RUN=$PWD/$RUN ;; esac

# Where cargo puts what it builds, and the programs of the one profile that run, tests and CI share.
: "${CARGO_TARGET_DIR:=$PWD/target}"
: "${BIN:=$CARGO_TARGET_DIR/debug}"

# The lock that one supervisor per data directory holds; it also names the supervisor's process.
# It stays when the supervisor ends: unlinking a lock file lets two holders in.
lock_file() { printf '%s/.run.lock\n' "$DATA"; }

# When a process began, in clock ticks since boot: a process id alone may belong to somebody else by now.
began_at() { sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d' ' -f20; }

# The process id that the lock file notes for supervisor, agent or panel, if that very process lives.
noted() { # name
    local name pid began
    while read -r name pid began; do
        if [ "$name" = "$1" ] && [ "$(began_at "$pid")" = "$began" ]; then
            printf '%s\n' "$pid"
            return 0
        fi
    done 2>/dev/null <"$(lock_file)"
    return 1
}

# Asks a process to end, gives it ten seconds, then kills it. Says so in the last case.
end_process() { # name, pid
    local i
    kill -TERM "$2" 2>/dev/null || return 0
    for ((i = 0; i < 100; i++)); do
        kill -0 "$2" 2>/dev/null || return 0
        sleep 0.1
    done
    printf 'umbel: %s did not end within 10 s and is killed\n' "$1" >&2
    kill -KILL "$2" 2>/dev/null || true
}
