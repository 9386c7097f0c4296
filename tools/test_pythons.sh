#!/bin/sh
# Runs the fast lane on every supported Python, each in an environment of its own below .venv/pythons, made anew when the lock changes.
# An interpreter that the machine lacks is named, loudly, and left out.
set -eu
venv=$1
lane=$2
usual=$("$venv/bin/python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')

interpreter() {
    for at in "$(command -v "python$1" 2>/dev/null || true)" "${PYENV_ROOT:-$HOME/.pyenv}"/versions/"$1".*/bin/"python$1"; do
        if [ -n "$at" ] && "$at" -c "import sys; sys.exit('%d.%d' % sys.version_info[:2] != '$1')" 2>/dev/null; then echo "$at"; return; fi
    done
}

missing=
for version in 3.11 3.12 3.13; do
    if [ "$version" = "$usual" ]; then
        continue # make test runs every lane on it
    fi
    python=$(interpreter "$version")
    if [ -z "$python" ]; then
        missing="$missing $version"
        continue
    fi
    own=$venv/pythons/$version
    if [ ! -e "$own/.inferstack-ready" ] || [ requirements/all.lock -nt "$own/.inferstack-ready" ]; then
        mkdir -p "$venv/pythons"
        PYTHON=$python sh tools/setup.sh "$own"
        touch "$own/.inferstack-ready"
    fi
    echo "The fast lane on $("$own/bin/python" --version)"
    "$own/bin/python" -m pytest -m "$lane" -n 2 --dist loadfile
done
if [ -n "$missing" ]; then
    echo "NOT TESTED on Python$missing: no such interpreter was found (PATH, ~/.pyenv/versions)" >&2
fi
