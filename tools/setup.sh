#!/bin/sh
# tools/setup.sh VENV all|plan: make the virtual environment from a hash-pinned lock, with uv where present, else with pip.
# `plan` installs what a plain `pip install inferstack` brings. Byte-code is compiled now, because images that set
# PYTHONDONTWRITEBYTECODE would otherwise pay for it at every start (a factor of 3).
set -eu
venv=$1 what=${2:-all}
lock=requirements/$what.lock
begun=$(date +%s)

supported() { "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; }

# Estimates: pip worked 20 s and 100 s of CPU time on two cores (measured 2026-11-30), the rest is the network and what else runs. With packages
# from a mirror nearby the whole set-up took 59 to 97 s there.
expected() {
    case "$what $1" in
        "plan uv") echo "a quarter of a minute, 30 MB to download" ;;
        "plan pip") echo "half a minute, 30 MB to download" ;;
        "all uv") echo "1 minute, 260 MB to download" ;;
        *) echo "3 minutes on two free cores, more on busy ones, 260 MB to download; uv on PATH is faster" ;;
    esac
}

# One line for every tenth package that pip collects, and its last words where it fails. pip says nothing of how far it is.
counted() {
    awk -v all="$(grep -c '^[a-zA-Z0-9].*==' "$lock")" -v log_file="$1" '
        { print > log_file }
        /^Collecting / && ++found % 10 == 0 { printf "  %d of about %d packages\n", found, all; fflush() }
        /^Installing collected/ { print "  unpacking"; fflush() }'
}

pip_install() {
    "$venv/bin/python" -m pip install --disable-pip-version-check --progress-bar off --no-compile "$@"
}

with_pip() {
    log=$venv/setup.log
    { pip_install --require-hashes --no-deps -r "$lock" 2>&1 || touch "$venv/failed"; } | counted "$log"
    if [ -e "$venv/failed" ]; then tail -n 5 "$log" >&2; exit 1; fi
    pip_install --quiet --no-deps --no-build-isolation --editable .
    echo "  compiling byte-code"
    "$venv/bin/python" -m compileall -q -j 0 "$("$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')" || true
}

with_uv() {
    quiet=--quiet
    if [ -t 2 ]; then quiet=; fi # uv draws its own progress, on a terminal
    uv pip sync $quiet --require-hashes --compile-bytecode --python "$venv/bin/python" "$lock"
    uv pip install --quiet --python "$venv/bin/python" --no-deps --no-build-isolation --editable .
}

python=
for name in "${PYTHON:-python3}" python3.13 python3.12 python3.11; do
    if supported "$name"; then python=$name; break; fi
done
if [ -z "$python" ]; then
    echo "inferstack needs Python 3.11, 3.12 or 3.13; none was found. Say which with PYTHON=/path/to/python make setup" >&2
    exit 3
fi

tool=pip
if command -v uv >/dev/null 2>&1; then tool=uv; fi
echo "Making $venv with $("$python" --version) and $tool (once; about $(expected $tool))"
rm -rf "$venv"
"$python" -m venv "$venv"
with_$tool
"$venv/bin/python" -m compileall -q inferstack infra playbooks sizing stacks
"$venv/bin/python" tools/compile_facts.py
echo "Ready after $(($(date +%s) - begun)) s: . $venv/bin/activate"
