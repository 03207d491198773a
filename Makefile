# sgfw: AWS security groups on any Linux machine.
#   make demo   see it work between two throw-away namespaces (root)
#   make test   run every test; those on real packets need root
#   make parity   write docs/aws-parity.md from what the tests proved
#   make packages   build deb and rpm

GO      ?= go
BIN     := bin/sgfw
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
LDFLAGS := -X main.version=$(VERSION)

# The checks of staticcheck: all of its analysis, simplifications and style
# except those that want a comment form which the code does not use.
CHECKS := all,-ST1000,-ST1020,-ST1021,-ST1022

.PHONY: all build demo test parity test-race test-mutants fuzz bench bench-scale bench-peers bench-decision lint packages test-packages clean

all: build

build:
	$(GO) build -ldflags '$(LDFLAGS)' -o $(BIN) ./cmd/sgfw

demo: build
	./$(BIN) demo

# Packages with tests on real packets run one after another: a flood in one
# namespace fills the per-CPU backlog that all namespaces share.
REAL := ./cmd/... ./filter/nft ./filter/nfqueue ./test/...

# What the tests prove about AWS is held against docs/aws-parity.md. Only a run of
# all tests can be: one without root leaves out those on real packets.
test: export SGFW_PARITY := $(if $(filter 0,$(shell id -u)),$(CURDIR)/build/parity.tsv)

test: build
	@test -z "$$SGFW_PARITY" || { mkdir -p build && rm -f "$$SGFW_PARITY"; }
	@$(GO) vet ./...
	@$(GO) test -count=1 ./conntrack/... ./examples/... ./filter ./filter/packet ./policy/...
	@$(GO) test -count=1 -p 1 $(REAL)
	@if $(GO) test -count=1 -v -run '^TestAvailable$$' ./test/netlab/labtest | grep -q '^--- SKIP'; then \
		echo "make test: tests on real packets were SKIPPED, and docs/aws-parity.md was not checked: they need root (sudo make test)"; \
	elif [ -z "$$SGFW_PARITY" ]; then \
		echo "make test: all tests ran, those on real packets included; docs/aws-parity.md was not checked: that needs root"; \
	else \
		$(GO) run ./test/parity/table && \
		echo "make test: all tests ran, those on real packets included, and docs/aws-parity.md is what they prove"; \
	fi

# docs/aws-parity.md, from what the last make test as root proved.
parity:
	$(GO) run ./test/parity/table -write

# The packages that hold state shared between goroutines, under the race detector.
test-race:
	$(GO) test -race -count=1 -p 1 ./conntrack/... ./filter/... ./policy/... ./cmd/...

# Build seeded faults of the engine and show that the suite kills each, and that
# the tests of claims about AWS fail when just their claim is made false.
test-mutants: build
	$(GO) run ./test/mutants
	$(GO) run ./test/mutants -claims

# deb and rpm of this commit, in build/packages.
packages:
	rm -rf build/packages
	packaging/build build/packages deb rpm

# Their life on a throw-away copy of this machine: install, upgrade, remove.
# Needs root and dpkg; rpm is tested where it is installed.
test-packages:
	rm -rf build/test-packages
	PACKAGE_VERSION=1.0.0 packaging/build build/test-packages/old deb rpm
	PACKAGE_VERSION=1.0.1 packaging/build build/test-packages/new deb rpm
	SGFW_PACKAGES=$(CURDIR)/build/test-packages $(GO) test -count=1 -v ./test/packages

# The parsers for FUZZTIME each, then the decision against a naive one and, as root,
# the program against the kernel's firewall.
FUZZTIME ?= 2m
fuzz:
	@for f in $$(grep -rlE '^func Fuzz' --include=*_test.go . | sort); do \
		for t in $$(sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\).*/\1/p' $$f); do \
			echo "== $$t in $$(dirname $$f)"; \
			$(GO) test -run='^$$' -fuzz="^$$t$$" -fuzztime=$(FUZZTIME) -fuzzminimizetime=1x ./$$(dirname $$f) || exit 1; \
		done; \
	done
	$(GO) test -count=1 -timeout=0 -v -run='^TestEngine$$' ./test/differential -packets=$(PACKETS) -first=0
	SGFW_KERNEL_SEED=0 $(GO) test -count=20 -run='^TestKernel$$' ./test/differential
PACKETS ?= 10000000

# Real packets between namespaces through sgfw and what it is compared with, in
# one run: root, about ten minutes, and a machine that does nothing else. Say
# BENCH='-only sgfw,nftables -repetitions 3' for less.
bench: build
	$(GO) run ./test/bench -docs docs $(BENCH)

# What grows with rules, flows, interfaces and queues.
bench-scale: build
	$(GO) run ./test/bench -scale -docs docs $(BENCH)

# The decision, packet in and verdict out, beside nebula's and tailscale's. One
# core, then what a second one adds. Its go.mod follows that of sgfw.
bench-peers:
	cd test/peers && $(GO) test -mod=mod -run='^$$' -bench='Established|New|Deny|Load' -cpu=1 -count=$(COUNT) .
	cd test/peers && $(GO) test -mod=mod -run='^$$' -bench=Cores -cpu=1,2 -count=$(COUNT) .
COUNT ?= 3

# Decision benchmarks, beside a control loop in the same run.
bench-decision:
	$(GO) test -run='^$$' -bench=. -cpu=1 ./filter/... ./conntrack/...

lint:
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { echo "gofmt:"; gofmt -l $$(git ls-files '*.go'); exit 1; }
	$(GO) tool -modfile=.ci/tools/go.mod staticcheck -checks '$(CHECKS)' ./...

clean:
	rm -rf bin build
