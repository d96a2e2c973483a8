#!/usr/bin/env bash
# Builds $IMAGE:$VERSION-$ARCH from dist/image for each of $ARCHES, with buildah
# or, if that is not there, with docker. The last stage of the Dockerfile needs
# no base image and runs nothing, so that this works with neither network nor
# emulation.
set -euo pipefail
cd "$(dirname "$0")/../.."

if command -v buildah >/dev/null; then
	# Nothing is run and no layer is shared: the simplest of both will do, also
	# in a container.
	build() { BUILDAH_ISOLATION=chroot buildah --storage-driver vfs bud --format docker "$@"; }
elif command -v docker >/dev/null && docker info >/dev/null 2>&1; then
	build() { DOCKER_BUILDKIT=1 docker build "$@"; }
else
	cat >&2 <<-TEXT
		make image needs buildah (Debian: apt-get install buildah) or docker with an engine that runs; neither is here.
		What goes into the image is complete in dist/image.
	TEXT
	exit 3
fi

for arch in $ARCHES; do
	build --platform "linux/$arch" --build-arg "TARGETARCH=$arch" --tag "$IMAGE:$VERSION-$arch" --file Dockerfile .
	echo "$IMAGE:$VERSION-$arch"
done
