#!/bin/sh
# deb says "remove", rpm the number of versions that stay.
set -e
case "$1" in
remove | 0)
	if [ -d /run/systemd/system ]; then
		systemctl disable --now tailwater.service
	fi
	;;
esac
