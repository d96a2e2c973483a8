#!/bin/sh
# After an installation nothing is started: the configuration comes first. After
# an upgrade what runs is restarted.
set -e
chgrp tailwater /etc/tailwater/tailwater.env
if [ -d /run/systemd/system ]; then
	systemctl daemon-reload
	systemctl try-restart tailwater.service
fi
