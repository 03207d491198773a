# sgfw: AWS security groups on any Linux machine. `make help` names the targets.

GO      ?= go
BIN     := bin/sgfw
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
LDFLAGS := -X main.version=$(VERSION)

.DEFAULT_GOAL := build
.PHONY: build demo test soak bench fuzz lint packages clean help

#? make build               bin/sgfw
build:
	$(GO) build -ldflags '$(LDFLAGS)' -o $(BIN) ./cmd/sgfw

#? make demo                see it work between two throw-away network namespaces
demo: build
	./$(BIN) demo

# Packages with tests on real packets run one after another: a flood in one
# namespace fills the per-CPU backlog that all namespaces share.
QUICK := ./conntrack/... ./examples/... ./filter ./filter/flowlog ./filter/match ./filter/packet ./filter/remedy ./policy/...
KERNEL := ./filter/nft ./filter/nfqueue ./filter/nflog ./filter/offload
REAL  := ./cmd/... $(KERNEL) ./test/...

# What the tests prove about AWS is held against docs/aws-parity.md. Only a run of
# all tests can be: one without real root leaves some out.
ifdef VIEW
test: export SGFW_TEST_VIEW := $(VIEW)
endif
ifdef DATAPATH
test: export SGFW_TEST_DATAPATH := $(DATAPATH)
endif
ifeq ($(RACE)$(ONLY)$(MUTANTS)$(PARITY)$(VIEW)$(DATAPATH),)
test: export SGFW_PARITY := $(if $(filter 0,$(shell id -u)),$(CURDIR)/build/parity.tsv)
endif

#? make test                run the tests, and as root compare docs/aws-parity.md with them
#? make test ONLY='./PACKAGE -run=NAME'
#?                          run some
#? make test VIEW=wire      run them with view: wire on all interfaces
#? make test DATAPATH=offload
#?                          run them with datapath: offload; with ONLY=, too
#? make test RACE=1         run them under the race detector
#? make test MUTANTS=1      seed faults, and see that the tests notice each (root, an hour)
#? make test PARITY=write   write docs/aws-parity.md from the last run as root
test: build
ifdef RACE
	@$(GO) run ./test/progress -race -count=1 -- $(QUICK) -- -p=1 $(KERNEL) ./cmd/...
else ifdef ONLY
	@$(GO) run ./test/progress -count=1 -- -p=1 $(ONLY)
else ifdef MUTANTS
	$(GO) run ./test/mutants
	$(GO) run ./test/mutants -claims
else ifeq ($(PARITY),write)
	$(GO) run ./test/parity/table -write
else
	@test -z "$$SGFW_PARITY" || { mkdir -p build && rm -f "$$SGFW_PARITY"; }
	@$(GO) vet ./...
	@$(GO) run ./test/progress -count=1 -- $(QUICK) -- -p=1 $(REAL)
	@if [ -z "$$SGFW_PARITY" ]; then \
		echo "docs/aws-parity.md was not checked: that needs root"; \
	else \
		$(GO) run ./test/parity/table; \
	fi
endif

#? make soak                end the daemon KILLS=1000 times at random moments under traffic,
#?                          with each datapath (root, a quarter of an hour)
soak:
	$(GO) test -count=1 -timeout=0 -v -run='^TestKillsUnderTraffic$$' ./test/lifecycle -kills=$(KILLS)
KILLS ?= 1000

#? make bench               measure real packets beside nftables and others (root)
#? make bench WHAT=scale    what grows with rules, flows, interfaces and queues (root)
#? make bench WHAT=policies commands that read 60,000 rules, in each format
#? make bench WHAT=decision the decision alone; WHAT=peers beside nebula's and tailscale's
ifeq ($(WHAT),scale)
bench: build
	$(GO) run ./test/bench -scale -docs docs $(BENCH)
else ifeq ($(WHAT),policies)
bench: build
	$(GO) run ./test/bench -policies -repetitions 3 -docs docs $(BENCH)
else ifeq ($(WHAT),peers)
	cd test/peers && $(GO) test -mod=mod -run='^$$' -bench='Established|New|Deny|Load' -cpu=1 -count=$(COUNT) .
	cd test/peers && $(GO) test -mod=mod -run='^$$' -bench=Cores -cpu=1,2 -count=$(COUNT) .
else ifeq ($(WHAT),decision)
	$(GO) test -run='^$$' -bench=. -cpu=1 ./filter/... ./conntrack/...
else
bench: build
	$(GO) run ./test/bench -docs docs $(BENCH)
endif
COUNT ?= 3

# The parsers for FUZZTIME each, then the decision against a naive one and, as root,
# the program and exported rulesets against the kernel's firewall, and for FUZZTIME the
# two datapaths against each other.
#? make fuzz                fuzz the parsers, compare millions of random packets;
#?                          FUZZTIME=2m PACKETS=10000000
fuzz:
	@for f in $$(grep -rlE '^func Fuzz' --include=*_test.go . | sort); do \
		for t in $$(sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\).*/\1/p' $$f); do \
			echo "== $$t in $$(dirname $$f)"; \
			$(GO) test -run='^$$' -fuzz="^$$t$$" -fuzztime=$(FUZZTIME) -fuzzminimizetime=1x ./$$(dirname $$f) || exit 1; \
		done; \
	done
	$(GO) test -count=1 -timeout=0 -v -run='^TestEngine$$' ./test/differential -packets=$(PACKETS) -first=0
	SGFW_KERNEL_SEED=0 $(GO) test -count=20 -timeout=0 -run='^(TestKernel|TestExportedRuleset)$$' ./test/differential
	SGFW_KERNEL_SEED=0 $(GO) test -count=1 -timeout=0 -v -run='^TestDatapaths$$' \
		./test/differential -datapath-time=$(FUZZTIME)
FUZZTIME ?= 2m
PACKETS  ?= 10000000

# The checks of staticcheck: all of its analysis, simplifications and style
# except those that want a comment form which the code does not use.
CHECKS := all,-ST1000,-ST1020,-ST1021,-ST1022

#? make lint                gofmt, line length, staticcheck
lint:
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { echo "gofmt:"; gofmt -l $$(git ls-files '*.go'); exit 1; }
	@git ls-files -z '*.go' | xargs -0 awk 'length($$0) > 100 { printf "%s:%d: longer than 100 characters\n", FILENAME, FNR; n++ } END { exit n > 0 }'
	$(GO) tool -modfile=.ci/tools/go.mod staticcheck -checks '$(CHECKS)' ./...

#? make packages            deb and rpm, in build/packages
#? make packages TEST=1     their life on a throw-away copy of this machine (root)
packages:
ifdef TEST
	rm -rf build/test-packages
	PACKAGE_VERSION=1.0.0 packaging/build build/test-packages/old deb rpm
	PACKAGE_VERSION=1.0.1 packaging/build build/test-packages/new deb rpm
	SGFW_PACKAGES=$(CURDIR)/build/test-packages $(GO) run ./test/progress -count=1 -- ./test/packages
else
	rm -rf build/packages
	packaging/build build/packages deb rpm
endif

#? make clean               remove what was built
clean:
	rm -rf bin build

#? make help                say this
help:
	@sed -n 's/^#? //p' Makefile
