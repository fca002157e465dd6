#!/usr/bin/env bash
# Installs the programs of BIN into a scratch root, looks at them and at the units, and uninstalls:
# the root must be as it was.
set -uo pipefail
cd "$(dirname "$0")/.." || exit
: "${BIN:=${CARGO_TARGET_DIR:-$PWD/target}/debug}"
export BIN
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
passed=0 failed=0

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
make_() { make -s --no-print-directory "$@" DESTDIR="$root"; }
content() { (cd "$root" && find . ! -type d -exec sha256sum {} + && find . -type d) | sort; }
units_verify() {
    # In the scratch root, with the machine's own units and programs beside ours.
    local text
    mkdir -p "$root.verify"
    sed "s|/usr/local/bin|$root/usr/local/bin|" "$root/usr/local/lib/systemd/system/umbel.service" >"$root.verify/umbel.service"
    sed "s|/usr/local/bin|$root/usr/local/bin|" "$root/usr/local/lib/systemd/system/umbel-agent.service" >"$root.verify/umbel-agent.service"
    text=$(systemd-analyze verify --man=no "$root.verify/umbel-agent.service" "$root.verify/umbel.service" 2>&1)
    rm -rf "$root.verify"
    # What it says of the machine's other units is not ours.
    text=$(grep -F umbel <<<"$text" | grep -v 'Failed to create')
    [ -z "$text" ] || { printf '%s\n' "$text" >&2; return 1; }
}

# Something of somebody else's that must survive, in a directory that ours uses too.
mkdir -p "$root/usr/local/bin"
echo other >"$root/usr/local/bin/other"
before=$(content)

check "install" make_ install
for program in umbel umbel-agent umbel-shim umbelctl; do
    check "$program is there" [ -x "$root/usr/local/bin/$program" ]
done
# The shim is of use only with the descriptors that the agent hands over.
check "the panel runs from there" "$root/usr/local/bin/umbel" --version
check "the agent runs from there" "$root/usr/local/bin/umbel-agent" --version
filled() { ! grep -rq @PREFIX@ "$root/usr/local/lib"; }
check "no placeholder is left" filled
check "the agent's stop leaves guests" grep -q '^KillMode=process$' "$root/usr/local/lib/systemd/system/umbel-agent.service"
check "the agent has cgroups of its own" grep -q '^Delegate=yes$' "$root/usr/local/lib/systemd/system/umbel-agent.service"
check "the panel is unprivileged" grep -q '^User=umbel$' "$root/usr/local/lib/systemd/system/umbel.service"
if command -v systemd-analyze >/dev/null; then
    check "systemd reads the units without complaint" units_verify
else
    echo "install: systemd-analyze is missing, the units were not verified"
fi
if command -v systemd-sysusers >/dev/null; then
    check "systemd-sysusers reads the account" systemd-sysusers --dry-run "$root/usr/local/lib/sysusers.d/umbel.conf"
fi
installed=$(content)
check "a second install" make_ install
check "changes nothing" [ "$(content)" = "$installed" ]
check "uninstall" make_ uninstall
check "leaves what was there before, and nothing else" [ "$(content)" = "$before" ]
check "a second uninstall" make_ uninstall

mkdir -p "$root/var/lib/umbel/guests"
check "install beside data" make_ install PREFIX=/opt/umbel
check "units lie where systemd looks" [ -f "$root/etc/systemd/system/umbel.service" ]
check "uninstall" make_ uninstall PREFIX=/opt/umbel
check "keeps the data" [ -d "$root/var/lib/umbel/guests" ]
check "install" make_ install
check "uninstall with PURGE=1" make_ uninstall PURGE=1
rmdir "$root/var/lib" "$root/var"
check "leaves nothing" [ "$(content)" = "$before" ]

echo "install: $passed passed, $failed failed"
[ "$failed" = 0 ]
