#!/usr/bin/env bash
# Install fastchat as systemd services. Prints what it would do; does it with --apply.
#
#   deploy/systemd/install.sh                 # look first
#   sudo deploy/systemd/install.sh --apply    # units, user, environment file, virtual environment
#
# DESTDIR=/some/folder puts the files there, and leaves users, packages and services alone.
set -euo pipefail
cd "$(dirname "$0")"

APPLY=no
case "${1:-}" in
    --apply) APPLY=yes ;;
    "") ;;
    *) sed -n '2,7s/^# \{0,1\}//p' "$0"; exit 2 ;;
esac
DESTDIR=${DESTDIR:-}
PACKAGE=${PACKAGE:-fschat[model_worker,webui]}
UNITS=(fastchat-controller.service fastchat-worker@.service fastchat-api.service fastchat-web.service)

run() {
    printf '  %s\n' "$*"
    [[ $APPLY == no ]] || "$@"
}

[[ $APPLY == yes ]] && echo "Installing:" || echo "This would be done (with --apply it is):"
if [[ -z $DESTDIR ]]; then
    getent passwd fastchat > /dev/null || run useradd --system --home-dir /var/lib/fastchat \
        --shell /usr/sbin/nologin fastchat
    [[ -x /opt/fastchat/venv/bin/python3 ]] || run python3 -m venv /opt/fastchat/venv
    run /opt/fastchat/venv/bin/pip install -q "$PACKAGE"
fi
run install -d -m 755 "$DESTDIR/etc/fastchat" "$DESTDIR/etc/systemd/system"
for unit in "${UNITS[@]}"; do
    run install -m 644 "$unit" "$DESTDIR/etc/systemd/system/$unit"
done
if [[ -e $DESTDIR/etc/fastchat/fastchat.env ]]; then
    echo "  # $DESTDIR/etc/fastchat/fastchat.env is there and stays as it is"
else
    run install -m 600 fastchat.env "$DESTDIR/etc/fastchat/fastchat.env"
fi
[[ -n $DESTDIR ]] || run systemctl daemon-reload
cat << 'END'
Then, as you like:
  systemctl enable --now fastchat-controller fastchat-worker@0 fastchat-api fastchat-web
  journalctl -u fastchat-worker@0 -f
END
