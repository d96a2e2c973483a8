#!/bin/bash
# User data of an EC2 instance: installs Tailwater from a package in your own
# bucket. The instance's role needs s3:GetObject there, and deploy/iam/xray.json.
set -euo pipefail

bucket=my-packages           # where `make packages` was copied to
version=0.1.0
config=agent                 # a file of configs/: agent, all-in-one, gateway, adot-compatible …
gateways=gateways.internal   # for agent

arch=$(uname -m)
if command -v dnf >/dev/null; then
	aws s3 cp "s3://$bucket/tailwater-$version-1.$arch.rpm" /tmp/tailwater.rpm
	dnf install -y /tmp/tailwater.rpm
else
	case $arch in x86_64) deb=amd64 ;; aarch64) deb=arm64 ;; *) echo "no package for $arch" >&2; exit 1 ;; esac
	aws s3 cp "s3://$bucket/tailwater_${version}-1_$deb.deb" /tmp/tailwater.deb
	apt-get install -y /tmp/tailwater.deb
fi

cp "/usr/share/doc/tailwater/configs/$config.yaml" /etc/tailwater/config.yaml
cat >/etc/tailwater/tailwater.env <<-ENV
	TAILWATER_GATEWAYS=$gateways
ENV

# A burst of segments must fit into the kernel's buffer.
echo net.core.rmem_max=4194304 >/etc/sysctl.d/90-tailwater.conf
sysctl --system >/dev/null

systemctl enable --now tailwater
