#!/bin/sh
# Makes the virtual environment from the hash-pinned lock: uv where present, else pip. Byte-code is compiled now,
# because images that set PYTHONDONTWRITEBYTECODE would otherwise pay for it at every start (a factor of 3).
set -eu
venv=$1

supported() { "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; }

python=
for name in "${PYTHON:-python3}" python3.13 python3.12 python3.11; do
    if supported "$name"; then python=$name; break; fi
done
if [ -z "$python" ]; then
    echo "inferstack needs Python 3.11, 3.12 or 3.13; none was found. Say which with PYTHON=/path/to/python make setup" >&2
    exit 3
fi

echo "Making $venv with $("$python" --version) (once, about a minute)"
rm -rf "$venv"
"$python" -m venv "$venv"
if command -v uv >/dev/null 2>&1; then
    uv pip sync --quiet --require-hashes --compile-bytecode --python "$venv/bin/python" requirements/all.lock
    uv pip install --quiet --python "$venv/bin/python" --no-deps --no-build-isolation --editable .
else
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements/all.lock
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
fi
"$venv/bin/python" -m compileall -q inferstack infra playbooks sizing stacks
"$venv/bin/python" tools/compile_facts.py
