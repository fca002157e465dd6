#!/usr/bin/env bash
# All that is checked, in one order, with the time of each step and one count at the end.
#   deploy/test.sh           make test
#   deploy/test.sh full      make test-full: the long matrices too
#   deploy/test.sh check     make check: format, lints, unit tests
# A step that others stand on ends the run when it fails; after any other the run goes on, fails, and
# says at the end what failed.
#
# The Rust tests run under plain `cargo test`: the machine needs nothing more, and one process for a
# test binary lets its tests share one PostgreSQL.
# shellcheck disable=SC2317 # functions are called through step
set -uo pipefail
cd "$(dirname "$0")/.." || exit
kind=${1:-test}
: "${CARGO_TARGET_DIR:=$PWD/target}"
export CARGO_TARGET_DIR CARGO_TERM_COLOR=never NO_COLOR=1 FORCE_COLOR=0
# Tests decide themselves where data lies.
unset DATA RUN LISTEN MAKEFLAGS MFLAGS MAKELEVEL
bin=$CARGO_TARGET_DIR/debug
logs=$CARGO_TARGET_DIR/test-logs
rm -rf "$logs"
mkdir -p "$logs"
# The long matrices are #[ignore]d tests in Rust; other tests look at the variable.
rust_args=() rust_limit=2400
if [ "$kind" = full ]; then
    export UMBEL_TEST_FULL=1
    rust_args=(--include-ignored) rust_limit=9000
fi

times=() failures=()
run_step() { # name, command…
    local name=$1 began=$EPOCHREALTIME status took
    shift
    printf '\n== %s\n' "$name"
    "$@" 2>&1 </dev/null | tee "$logs/$name.log"
    status=${PIPESTATUS[0]}
    took=$(((${EPOCHREALTIME/[.,]/} - ${began/[.,]/}) / 100000))
    times+=("$(printf '%7d.%d s  %s%s' $((took / 10)) $((took % 10)) "$name" "$([ "$status" = 0 ] || echo '  FAILED')")")
    [ "$status" = 0 ] || failures+=("$name")
    return "$status"
}

# The closing lines of cargo test, node --test, Playwright and our own scripts, added up.
count() {
    cat "$logs"/*.log 2>/dev/null | sed 's/\x1b\[[0-9;]*m//g' | awk '
        function add(text) {
            if (match(text, /[0-9]+ passed/)) passed += substr(text, RSTART)
            if (match(text, /[0-9]+ failed/)) failed += substr(text, RSTART)
            if (match(text, /[0-9]+ (ignored|skipped)/)) skipped += substr(text, RSTART)
        }
        /^test result: / { add($0) }
        /^[a-z]+: [0-9]+ passed, [0-9]+ failed/ { add($0) }
        /^(# |ℹ )pass [0-9]+$/ { passed += $NF }
        /^(# |ℹ )fail [0-9]+$/ { failed += $NF }
        /^(# |ℹ )skipped [0-9]+$/ { skipped += $NF }
        /^ +[0-9]+ (passed|failed|skipped)( \([0-9.]+m?s?\))?$/ { add($0) }
        END { printf "%d passed, %d failed, %d skipped\n", passed, failed, skipped }'
}
# What failed and why, once more at the end: the start of each report of cargo test, of node --test and of
# Playwright; of any other step the last lines.
reasons() {
    local name
    for name in "${failures[@]}"; do
        printf '\n== Failed: %s\n' "$name"
        sed 's/\x1b\[[0-9;]*m//g' "$logs/$name.log" | awk '
            /^---- .* ----$/ || /^ +[0-9]+\) \[/ || /^(✖|not ok) / { left = 14 }
            left > 0 && NF { print substr($0, 1, 300); left--; found = 1 }
            { last[NR % 25] = $0 }
            END { if (!found) for (i = NR + 1; i <= NR + 25; i++) if (last[i % 25] != "") print last[i % 25] }' | head -n 120
    done
}
# A failed step that no runner counted (format, a lint, a build) makes the run fail all the same.
finish() {
    printf '\n== Times\n'
    printf '%s\n' "${times[@]}"
    reasons
    printf '\n%s\n' "$(count)"
    [ ${#failures[@]} -eq 0 ]
    exit
}
step() { run_step "$@" || true; }
needed() { run_step "$@" || finish; }

# Of all that was built; an error has ended its step already. What cargo had built before, it says again.
lints() {
    ! grep -h -A 12 '^warning' "$logs"/build*.log
}
kernel_built() {
    cat "$logs/kernel-build"
    return "$kernel_status"
}
lint_scripts() {
    command -v shellcheck >/dev/null || { echo "shellcheck is missing"; return 1; }
    shellcheck -x deploy/*.sh deploy/kernel/*.sh deploy/run deploy/stop .ci/run host/agent/src/workshop/*.sh host/guest/src/setup.sh host/guest/src/files.sh host/recipe/src/finish.sh
}
# The profile and directory of the wasm's own build, whose macros are there already.
lint_wasm() {
    cargo clippy --locked -p umbel-frontend --target wasm32-unknown-unknown \
        --target-dir "$CARGO_TARGET_DIR/front" --profile wasm-release -- -D warnings
}
program_sizes() {
    du -sh "$CARGO_TARGET_DIR" "$CARGO_TARGET_DIR"/{debug,front,site} 2>/dev/null
    ls -l "$bin"/umbel "$bin"/umbel-agent "$bin"/umbel-shim
    find "$CARGO_TARGET_DIR/site" -type f -printf '%10s  %P\n' | sort -k2
}

# Clippy compiles what it looks at, so lints, programs and tests are one build, and what comes from elsewhere is built
# once; cargo clippy would read all of that a second time.
one_build() {
    export RUSTC_WORKSPACE_WRAPPER=clippy-driver
}

if [ "$kind" = check ]; then
    one_build
    step format cargo fmt --all --check
    needed build cargo test --locked --no-run --lib --bins
    step clippy lints
    step unit cargo test --locked --no-fail-fast --lib --bins
    finish
fi

needed set-up deploy/setup.sh "$kind"
deploy/leftovers.sh list >"$logs/before"
# In what the others leave of the processors: whole minutes of theirs are one thread's. A session of its own, so that
# all of it ends with a run that ends early.
setsid nice -n 15 deploy/kernel/build.sh >"$logs/kernel-build" 2>&1 &
kernel_pid=$!
trap 'kill -- "-$kernel_pid" 2>/dev/null' EXIT
needed site deploy/site.sh
one_build
step format cargo fmt --all --check
step scripts lint_scripts
needed build cargo build --locked --bins
needed build-tests cargo test --locked --no-run
step clippy lints
step clippy-wasm lint_wasm
kernel_status=0
wait "$kernel_pid" || kernel_status=$?
trap - EXIT
needed kernel kernel_built
step rust timeout -k 10 "$rust_limit" cargo test --locked --no-fail-fast -- "${rust_args[@]}"
[ ! -f package.json ] || step script-tests npm run --silent --if-present test
step supervisor deploy/test-run.sh
[ ! -f package.json ] || step browser timeout -k 10 1200 npm run --silent --if-present end2end
step install env BIN="$bin" deploy/test-install.sh
step leftovers deploy/leftovers.sh compare "$logs/before"
step sizes program_sizes
finish
