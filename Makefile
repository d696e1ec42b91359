# Quhao. Two commands matter on a fresh machine: make run, make test. They need Go 1.26 and a C compiler, nothing else.

GO      ?= go
VERSION ?= $(shell cat VERSION)
LDFLAGS := -s -w -X main.version=$(VERSION)
BIN     := bin
DATA    ?= run/hall

.PHONY: help run demo test check bench build cross fuzz soak clean

help:
	@sed -n 's/^## //p' Makefile

## make run     the whole hall on this machine: daemon, two kiosks, four counters, on virtual devices
run: build
	$(BIN)/hall -bin $(BIN) -config configs/hall -data $(DATA)

## make demo    a scripted morning of 40 visitors, unattended, checked against the database at the end
demo: build
	$(BIN)/hall -bin $(BIN) -config configs/hall -demo

## make test    everything that is tested, with the seconds of each part
test:
	@GO=$(GO) scripts/test

## make check   format, vet, staticcheck, import rules
check:
	@GO=$(GO) scripts/check

## make bench   the benchmarks of the rules, the store and the wire
bench:
	$(GO) test -run '^$$' -bench . -benchmem ./daemon/queue ./daemon/store ./daemon/controller

## make build   bin/quhaod, bin/quhao-kiosk, bin/quhao-display, and the virtual hall
build:
	$(GO) build -ldflags '$(LDFLAGS)' -o $(BIN)/quhaod ./daemon
	$(GO) build -ldflags '$(LDFLAGS)' -o $(BIN)/quhao-kiosk ./kiosk
	$(GO) build -ldflags '$(LDFLAGS)' -o $(BIN)/quhao-display ./display
	$(GO) build -ldflags '$(LDFLAGS)' -o $(BIN)/hall ./drivers/virtual/hall

## make cross   kiosk and display static for arm64, armv7, armv6; quhaod for arm64 (wants gcc-aarch64-linux-gnu)
cross:
	@GO=$(GO) LDFLAGS='$(LDFLAGS)' scripts/cross

## make fuzz    each fuzz test for FUZZTIME (5s)
fuzz:
	@GO=$(GO) scripts/fuzz

## make soak    the simulator and the crash loops, for long
soak:
	QUHAO_RUNS=1000000 QUHAO_ROUNDS=1000 $(GO) test -timeout 0 -count 1 -v -run 'Sim|Crash|Kill' ./internal/sim ./internal/e2e ./daemon/store

clean:
	rm -rf $(BIN) run
