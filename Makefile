# HeliosDB Streaming. `make` lists the targets; only Go is needed for build and demo.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

GO ?= go
# Packages built and tested at a time.
P ?= 2
# make demo: where its state lives, and further flags.
DATA ?= heliosdb-data
ARGS ?=
# make fuzz: time for each fuzz test, and which packages.
FUZZTIME ?= 10s
PKG ?= ./...
# make soak: length and events a second.
MINUTES ?= 10
RATE ?= 50000
# make kafka: port of the broker.
KAFKA_PORT ?= 9092
KAFKA_DIR ?= .cache/kafka/run
# make test: 1 turns whatever would be skipped for want of a tool into a failure.
REQUIRE_ALL ?=
export REQUIRE_ALL
# make crash: kills. make nexmark-check: events and kills.
N ?= 50
EVENTS ?= 1000000
KILLS ?= 10

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: ## build bin/heliosdb-streaming and bin/nexmark
	CGO_ENABLED=0 $(GO) build -p $(P) -trimpath -o bin/ ./cmd/...

.PHONY: demo
demo: build ## start the demo: broker, generator, views (DATA=dir ARGS=flags)
	@exec ./bin/heliosdb-streaming --dev --data-dir $(DATA) --sql testdata/demo/quickstart.sql $(ARGS)

.PHONY: test
test: ## vet, lint and all tests with the race detector (REQUIRE_ALL=1: skip nothing)
	@GO=$(GO) P=$(P) .ci/test

.PHONY: lint
lint: ## gofmt, go vet, golangci-lint
	@GO=$(GO) .ci/lint

.PHONY: bench
bench: build ## Nexmark against a real Kafka (ARGS=flags of bin/nexmark)
	@exec ./bin/nexmark bench $(ARGS)

.PHONY: soak
soak: build kafka-fetch object-stores ## live load with an S3 server, encryption, TLS, dashboards (MINUTES=10 RATE=50000 ARGS=flags)
	@exec ./bin/nexmark soak --minutes $(MINUTES) --rate $(RATE) $(ARGS)

.PHONY: microbench
microbench: ## the Go benchmarks beside the code (PKG=./exec/...)
	$(GO) test -p 1 -run '^$$' -bench . -benchmem $(PKG)

.PHONY: fuzz
fuzz: ## every fuzz test for FUZZTIME=10s (PKG=./sql/...)
	@GO=$(GO) FUZZTIME=$(FUZZTIME) .ci/fuzz $(PKG)

.PHONY: grammar-check
grammar-check: ## compare the parser with PostgreSQL's own grammar (needs a C compiler)
	cd testdata/pgquery && $(GO) test -count=1 ./...

.PHONY: crash
crash: ## kill the engine N=50 times and compare with an undisturbed run
	HELIOSDB_TEST_CRASH_N=$(N) REQUIRE_ALL=1 $(GO) test -p 1 -count=1 -v -timeout 6h -run '^TestCrashCampaign' ./server/e2e

.PHONY: nexmark-check
nexmark-check: kafka-fetch ## Nexmark views against PostgreSQL (EVENTS=1000000 KILLS=10)
	HELIOSDB_TEST_NEXMARK_EVENTS=$(EVENTS) HELIOSDB_TEST_NEXMARK_KILLS=$(KILLS) REQUIRE_ALL=1 \
	  $(GO) test -p 1 -count=1 -v -timeout 3h -run '^TestNexmark$$' ./server/e2e

.PHONY: kafka
kafka: ## fetch Apache Kafka once and start it on loopback (KAFKA_PORT=9092)
	@testdata/kafka/kafka.sh fetch
	@testdata/kafka/kafka.sh start $(KAFKA_DIR) $(KAFKA_PORT)

.PHONY: kafka-stop
kafka-stop: ## stop what `make kafka` started
	@testdata/kafka/kafka.sh stop $(KAFKA_DIR)

.PHONY: kafka-fetch
kafka-fetch: ## only fetch Apache Kafka
	@testdata/kafka/kafka.sh fetch

.PHONY: object-stores
object-stores: ## build and install the object stores that tests talk to (needs npm)
	@GO=$(GO) P=$(P) testdata/objectstores/objectstores.sh fetch

.PHONY: clean
clean: ## remove what build and demo made (downloads stay)
	rm -rf bin heliosdb-data
