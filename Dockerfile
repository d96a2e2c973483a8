# The image: static binaries, the certificates of authorities, configurations,
# and nothing else. It runs as nobody and writes below /var/lib/tailwater only.
#
# `make image` puts what the last stage copies into dist/ first, so that it needs
# no base image and no network. With an engine that reaches its registry
#   docker build --target from-source .
# builds everything inside instead.

FROM --platform=$BUILDPLATFORM golang:1.26 AS build
ARG TARGETARCH
WORKDIR /src
COPY go.mod go.sum ./
COPY internal/semconvteststub internal/semconvteststub
RUN go mod download
COPY . .
RUN make stage ARCHES=$TARGETARCH && mv dist/image/linux-$TARGETARCH /image

FROM scratch AS from-source
COPY --from=build --chown=65532:65532 /image/ /
USER 65532:65532
VOLUME /var/lib/tailwater
EXPOSE 2000/udp 2000/tcp 4317 4318 8888 13133
HEALTHCHECK --interval=15s --timeout=5s --start-period=15s CMD ["/usr/bin/tailwater-health"]
ENTRYPOINT ["/usr/bin/tailwater"]
CMD ["--feature-gates=+extension.healthcheck.useComponentStatus", "--config=/etc/tailwater/all-in-one.yaml"]

FROM scratch
ARG TARGETARCH
COPY --chown=65532:65532 dist/image/linux-${TARGETARCH}/ /
USER 65532:65532
VOLUME /var/lib/tailwater
EXPOSE 2000/udp 2000/tcp 4317 4318 8888 13133
HEALTHCHECK --interval=15s --timeout=5s --start-period=15s CMD ["/usr/bin/tailwater-health"]
ENTRYPOINT ["/usr/bin/tailwater"]
CMD ["--feature-gates=+extension.healthcheck.useComponentStatus", "--config=/etc/tailwater/all-in-one.yaml"]
