#!/bin/sh
# Installs what rehearsal hosts need, and with the word `tests` the browser that the report is looked at in. Root with apt: installs after
# saying so. Otherwise: says the command and goes on, and the rehearsal runs on process hosts. SYSTEM_PACKAGES=no opts out.
set -eu

missing=
browser=
[ "${1:-}" = tests ] && browser=chromium:chromium
for command in $browser systemd-nspawn:systemd-container mmdebstrap:mmdebstrap ssh:openssh-client ip:iproute2 unshare:util-linux; do
    PATH="$PATH:/usr/sbin:/sbin" command -v "${command%%:*}" >/dev/null 2>&1 || missing="$missing ${command##*:}"
done
[ -n "$missing" ] || exit 0

line="apt-get install -y --no-install-recommends$missing"
if [ "${SYSTEM_PACKAGES:-yes}" = no ]; then
    echo "Not installed (SYSTEM_PACKAGES=no):$missing. Rehearsals run on process hosts without them."
elif [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "Installing for rehearsal hosts:$missing"
    log=$(mktemp)
    trap 'rm -f "$log"' EXIT
    if ! { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing; } >"$log" 2>&1; then
        tail -n 3 "$log" >&2
        echo "apt-get failed; rehearsals run on process hosts. To try again: $line" >&2
    fi
else
    echo "Rehearsal hosts need:$missing. As root: $line. Without them rehearsals run on process hosts."
fi
