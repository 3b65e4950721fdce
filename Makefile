# Everything that is done with this repository. `make` lists it.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

# A checkout that belongs to another user (a container, CI) has no readable
# version control; the version below does not need it either.
export GOFLAGS := $(strip $(GOFLAGS) -buildvcs=false)

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -s -w -X main.version=$(VERSION)
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2

ARGS ?=
KILLS ?= 50
PAIRS ?= 10000
FUZZTIME ?= 10m
BENCH ?= .

.PHONY: help
help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | \
	  while IFS=$$'\t' read -r name text; do printf '  make %-12s %s\n' "$$name" "$$text"; done

.PHONY: build
build: ## bin/nextbest, needs Go only
	CGO_ENABLED=0 go build -trimpath -ldflags '$(LDFLAGS)' -o bin/nextbest ./cmd/nextbest

.PHONY: run
run: build ## the demo: a shop to click in, at the address it prints
	@exec bin/nextbest demo $(ARGS)

## tests

.PHONY: test
test: test-go test-web test-proofs ## every test in its short form

.PHONY: test-go
test-go: ## go vet and the Go tests; one runs what README.md shows
	go vet ./...
	go test ./...

.PHONY: web
web: ## install what the JavaScript packages need
	.ci/web install

.PHONY: test-web
test-web: build web ## JavaScript unit tests, and the pages in a real Chromium
	.ci/web test
	.ci/need 'chromium|chromium-browser|google-chrome' chromium
	.ci/web browser

bin/loadtest: FORCE
	@CGO_ENABLED=0 go build -o bin/loadtest ./loadtest
FORCE:

.PHONY: test-proofs
test-proofs: build bin/loadtest ## kill -9 and read-your-own-clicks, short
	bin/loadtest kill --kills 4
	bin/loadtest ryw --pairs 1000

.PHONY: prove
prove: build build-race bin/loadtest ## the promises at full length (KILLS, PAIRS, FUZZTIME): hours
	bin/loadtest kill --kills $(KILLS)
	bin/loadtest kill --kills $(KILLS) --durability disk
	bin/loadtest kill --kills 5 --bin bin/nextbest-race
	bin/loadtest ryw --pairs $(PAIRS)
	GORACE='halt_on_error=1' bin/loadtest ryw --pairs $(PAIRS) --bin bin/nextbest-race
	.ci/fuzz $(FUZZTIME)

.PHONY: build-race
build-race: ## bin/nextbest-race, with the race detector
	.ci/need gcc gcc libc6-dev
	CGO_ENABLED=1 go build -race -ldflags '-X main.version=$(VERSION)' -o bin/nextbest-race ./cmd/nextbest

.PHONY: race
race: ## the Go tests under the race detector
	.ci/need gcc gcc libc6-dev
	CGO_ENABLED=1 go test -race ./...

.PHONY: fuzz
fuzz: FUZZTIME = 5s
fuzz: ## every fuzz target for FUZZTIME, 5s unless said
	.ci/fuzz $(FUZZTIME)

.PHONY: bench
bench: ## benchmarks of the packages (BENCH picks some); whole servers: go run ./loadtest --help
	go test -run '^$$' -bench '$(BENCH)' -benchmem ./...

.PHONY: golden
golden: ## write the golden rankings anew, and read the diff
	.ci/golden

## checks

.PHONY: fmt
fmt: ## fail when a Go file is not formatted
	.ci/fmt

.PHONY: fmt-fix
fmt-fix: ## format the Go files
	.ci/fmt fix

.PHONY: lint
lint: ## go vet and staticcheck
	go vet ./...
	go run $(STATICCHECK) ./...

.PHONY: assets
assets: web ## build the web assets again and fail on a difference
	.ci/web assets

# Installing packages waits for the network while staticcheck uses the cores;
# the rest uses both by itself, and tests that look at clocks want them alone.
.PHONY: ci
ci: ## all that CI runs
	@$(MAKE) fmt
	@$(MAKE) -j2 --output-sync=target lint web
	@$(MAKE) assets
	@$(MAKE) test
	@$(MAKE) race

.PHONY: clean
clean: ## remove what was built
	rm -rf bin out
