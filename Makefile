# Nothing but Go, Node and make is expected on the machine. `make help` lists the targets.
SHELL := /bin/bash
GO    ?= go
TOOLS := $(CURDIR)/.tools
BIN   := $(CURDIR)/bin
LDFLAGS := -s -w
FUZZTIME ?= 60s
VERSION := $(shell sed -n 's/^  version: //p' builder-config.yaml)
ARCHES  ?= amd64 arm64

# Binaries are static, and everything but the race detector shares one cache.
export CGO_ENABLED ?= 0

# The packages whose tests run under the race detector: everything of ours but
# the distribution, which links every component (no concurrency of its own),
# and the end-to-end tests, which start the binary. Two tests of the tail sampler
# do less under the detector, and all without it.
RACE_PACKAGES = $$($(GO) list ./... | grep -v -e '/distro$$' -e '/e2e$$')
COMPONENTS = $(patsubst %/metadata.yaml,%,$(wildcard */*/metadata.yaml))

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z][a-z0-9-]*:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

.PHONY: demo
demo: build node-demo ## build, run configs/local.yaml with the demo shop, print the page's address
	$(GO) build -o $(BIN)/demo ./demo
	$(BIN)/demo $(DEMO_FLAGS)

.PHONY: run
run: build ## build and run configs/local.yaml, without traffic
	@echo "X-Ray SDKs: 127.0.0.1:2000 · OTLP: 127.0.0.1:4317 and 4318 · page: http://127.0.0.1:2080/"
	$(BIN)/tailwater --config configs/local.yaml

.PHONY: build
build: bin/xray bin/tailwaterctl ## bin/tailwater, bin/xray and bin/tailwaterctl
	$(GO) build -trimpath -ldflags='$(LDFLAGS)' -o $(BIN)/tailwater ./distro

# go build knows what is new.
.PHONY: bin/xray bin/tailwaterctl
bin/xray bin/tailwaterctl:
	$(GO) build -trimpath -ldflags='$(LDFLAGS)' -o $(BIN)/$(@F) ./cmd/$(@F)

.PHONY: test
test: lint unit cross build-size e2e packages-test image-test ## everything CI runs

.PHONY: unit
unit: tools cc versitygw
	VERSITYGW=$(TOOLS)/versitygw CGO_ENABLED=1 $(GO) test -race -timeout 15m $(RACE_PACKAGES)
	$(GO) test -timeout 15m ./distro
	$(GO) test -timeout 15m -run 'TestKeepsWhatAnSDKKeeps|TestMemoryOfPendingSpans' ./processor/xraytailsamplingprocessor
	$(GO) test -timeout 15m -run TestAMillionOperations ./connector/xraymetricsconnector
	$(GO) test -timeout 15m -run '^TestKill$$' ./internal/spool ./exporter/awss3exporter

# The tests mostly wait, some for the 10 s after which a sampler asks again, so
# more of them run at once than there are cores.
.PHONY: e2e
e2e: build versitygw node-demo node-e2e ## the real binary and real SDKs on loopback
	VERSITYGW=$(TOOLS)/versitygw TAILWATER_BIN=$(BIN)/tailwater $(GO) test -count=1 -timeout 15m -parallel 4 ./e2e

# Socket features of Linux stand behind build tags: the others must still build.
.PHONY: cross
cross:
	@for target in linux/arm64 darwin/arm64 windows/amd64; do \
		echo "building for $$target"; \
		for program in ./distro ./cmd/*; do \
			GOOS=$${target%/*} GOARCH=$${target#*/} $(GO) build -o /dev/null $$program || exit 1; \
		done; \
	done

# The stripped binaries stay within the budgets: 110 MB, and 45 MB for the
# daemon's replacement.
.PHONY: build-size
build-size: build
	@for budget in tailwater:110 xray:45; do \
		file=$(BIN)/$${budget%:*} most=$${budget#*:}; \
		size=$$(stat -c %s $$file 2>/dev/null || stat -f %z $$file); \
		echo "$$file: $$((size / 1000000)) MB of $$most"; test $$size -le $$((most * 1000000)) || exit 1; \
	done

# dist/package: the programs for packages. dist/image: the whole file system of
# the image. An architecture is one of ARCHES.
CA_BUNDLE ?= $(firstword $(wildcard /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt /etc/ssl/cert.pem))

.PHONY: stage
stage:
	@test -n '$(CA_BUNDLE)' || { echo "no bundle of certificate authorities on this machine: name one in CA_BUNDLE"; exit 1; }
	@for arch in $(ARCHES); do \
		package=dist/package/linux-$$arch/usr/bin image=dist/image/linux-$$arch; \
		rm -rf dist/package/linux-$$arch $$image; \
		mkdir -p $$package $$image/usr/bin $$image/etc/ssl/certs $$image/etc/tailwater $$image/var/lib/tailwater; \
		for program in distro cmd/*; do \
			name=$$(basename $$program); test $$name != distro || name=tailwater; \
			echo "building $$name for linux/$$arch"; \
			GOOS=linux GOARCH=$$arch $(GO) build -trimpath -ldflags='$(LDFLAGS)' -o $$image/usr/bin/$$name ./$$program || exit 1; \
			test $$name = xray || cp $$image/usr/bin/$$name $$package/; \
		done; \
		cp configs/*.yaml $$image/etc/tailwater/; \
		cp '$(CA_BUNDLE)' $$image/etc/ssl/certs/ca-certificates.crt; \
		echo 'nonroot:x:65532:65532::/var/lib/tailwater:/sbin/nologin' >$$image/etc/passwd; \
		touch $$image/var/lib/tailwater/.keep; \
	done

.PHONY: image
image: stage ## tailwater:VERSION for each of ARCHES, with buildah or docker
	@IMAGE=tailwater VERSION=$(VERSION) ARCHES='$(ARCHES)' distro/packaging/image.sh

.PHONY: packages
packages: stage $(TOOLS)/.packages ## dist/*.deb and *.rpm for each of ARCHES, with SBOM
	@for arch in $(ARCHES); do \
		$(TOOLS)/cyclonedx-gomod bin -json -licenses=false -std -version v$(VERSION) -output dist/tailwater-$$arch.cdx.json dist/package/linux-$$arch/usr/bin/tailwater || exit 1; \
		for format in deb rpm; do \
			ARCH=$$arch VERSION=$(VERSION) $(TOOLS)/nfpm package --config distro/packaging/nfpm.yaml --packager $$format --target dist/ || exit 1; \
		done; \
	done

# The native packages are unpacked, and what is in them run.
NATIVE := $(shell $(GO) env GOARCH)
.PHONY: packages-test image-test
packages-test:
	$(MAKE) packages ARCHES=$(NATIVE)
	DIST=$(CURDIR)/dist $(GO) test -C tools/packages -count=1 ./...
image-test:
	$(MAKE) stage ARCHES=$(NATIVE)
	IMAGE_ARCH=$(NATIVE) $(GO) test -count=1 ./distro/packaging

.PHONY: lint
lint: tools ## gofmt, go vet, staticcheck
	@unformatted=$$(gofmt -l $$(git ls-files -co --exclude-standard '*.go' | grep -v -e '^distro/main' -e '^distro/components' -e generated_)); \
	test -z "$$unformatted" || { echo "not gofmt-clean:"; echo "$$unformatted"; exit 1; }
	$(GO) vet ./...
	$(TOOLS)/staticcheck ./...

.PHONY: fuzz
fuzz: ## each fuzz target for FUZZTIME (60s)
	@for pkg in $$(grep -rl --include='*_test.go' --exclude-dir=node_modules --exclude-dir='.[a-z]*' '^func Fuzz' . | xargs -n1 dirname | sort -u); do \
		for target in $$(grep -hoE '^func Fuzz[A-Za-z0-9_]+' $$pkg/*_test.go | cut -c6-); do \
			echo "$$pkg $$target"; \
			$(GO) test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 10x $$pkg || exit 1; \
		done; \
	done

.PHONY: bench
bench: build .cache/peer/contribpeer ## beside the contrib peer, one run, figures as ratios
	$(GO) run ./bench $(BENCH_FLAGS)

.cache/peer/contribpeer: bench/peer/builder-config.yaml | tools
	mkdir -p $(@D)
	$(TOOLS)/builder --config $<

.PHONY: generate
generate: tools ## distro/, component metadata and README tables
	$(TOOLS)/builder --config builder-config.yaml --skip-get-modules --skip-compilation
	@for dir in $(COMPONENTS); do (cd $$dir && $(TOOLS)/mdatagen metadata.yaml) || exit 1; done
	$(GO) test ./distro -run TestReadmeConfigTables -update

.PHONY: tools
tools: $(TOOLS)/.stamp

# Helm and the makers of packages are modules of their own: their dependencies
# would lift those of the other tools.
$(TOOLS)/.stamp: $(wildcard tools/go.* tools/*/go.*)
	@for module in tools tools/helm; do $(GO) build -C $$module -o $(TOOLS)/ tool || exit 1; done
	@touch $@

$(TOOLS)/.packages: tools/packages/go.mod tools/packages/go.sum
	$(GO) build -C tools/packages -o $(TOOLS)/ tool
	@touch $@

# A real S3 server for tests, in a module of its own: it shares no version with ours.
.PHONY: versitygw
versitygw: $(TOOLS)/versitygw ## .tools/versitygw, an S3 server for tests

$(TOOLS)/versitygw: tools/versitygw/go.mod tools/versitygw/go.sum
	$(GO) build -C tools/versitygw -o $(TOOLS)/ tool
	@touch $@

# The race detector needs a C compiler.
.PHONY: cc
cc:
	@command -v gcc >/dev/null || command -v clang >/dev/null || { \
		echo "no C compiler: installing Debian's gcc and libc6-dev for the race detector"; \
		apt-get update && apt-get install -y --no-install-recommends gcc libc6-dev; }

# npm ci only when the lock file is newer than what is installed. Without Node
# the demo runs its Go services alone and says so.
.PHONY: node-demo node-e2e
node-demo:
	@if ! command -v npm >/dev/null; then echo "no npm: the demo leaves out its Node services"; \
	elif [ demo/package-lock.json -nt demo/node_modules/.package-lock.json ]; then cd demo && npm ci --no-audit --no-fund; fi
node-e2e:
	@if [ e2e/node/package-lock.json -nt e2e/node/node_modules/.package-lock.json ]; then cd e2e/node && npm ci --no-audit --no-fund; fi

.PHONY: clean
clean: ## remove what the targets made
	rm -rf bin dist .tools .cache demo/node_modules e2e/node/node_modules
