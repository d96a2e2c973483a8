#!/bin/sh
# Before the files are there: the user that the unit runs as.
set -e
if ! getent group tailwater >/dev/null; then
	groupadd --system tailwater
fi
if ! getent passwd tailwater >/dev/null; then
	useradd --system --gid tailwater --home-dir /var/lib/tailwater --no-create-home --shell /usr/sbin/nologin tailwater
fi
