# Quhao. Two commands matter on a fresh machine: make run, make test. They need Go 1.26 and a C compiler, nothing else.

GO      ?= go
VERSION ?= $(shell cat VERSION)
LDFLAGS := -s -w -X main.version=$(VERSION)
BIN     := bin
DATA    ?= run/hall
PAGE    ?= 127.0.0.1:8481

.PHONY: help run demo tour browser test hwtest check bench build cross fuzz soak packages debs clean

help:
	@sed -n 's/^## //p' Makefile

## make run     the whole hall on this machine, on virtual devices: open http://127.0.0.1:8481/ (PAGE=ADDR for another)
run: build
	$(BIN)/hall -bin $(BIN) -config configs/hall -data $(DATA) -page $(PAGE)

## make demo    a scripted morning of 40 visitors, unattended, checked against the database at the end
demo: build
	$(BIN)/hall -bin $(BIN) -config configs/hall -demo -page $(PAGE)

## make tour    pictures of the hall on three sizes of screen, in run/tour (wants chromium and node)
tour:
	@GO=$(GO) scripts/tour

## make browser a browser walks about in the hall and reads what a person would read (wants chromium and node)
browser:
	@GO=$(GO) scripts/browser

## make test    everything that is tested, with the seconds of each part
test:
	@GO=$(GO) scripts/test

## make hwtest  the device programs on a real Linux kernel in a virtual machine (fetches Debian's kernel and QEMU; 5 minutes)
hwtest:
	@GO=$(GO) scripts/hwtest

## make check   format, vet, staticcheck, import rules
check:
	@GO=$(GO) scripts/check

## make bench   the speed of the real programs against this machine's own: PASS, FAIL or NOISY (BENCH='-short', '-history 10000000')
bench: build
	-@bash -c '. scripts/packages; packages strace'
	$(GO) run ./internal/bench -bin $(BIN) -go $(GO) $(BENCH)

## make build   bin/quhaod, bin/quhao-kiosk, bin/quhao-display, and the virtual hall
build:
	$(GO) build -ldflags '$(LDFLAGS)' -o $(BIN)/quhaod ./daemon
	$(GO) build -tags nethttpomithttp2 -ldflags '$(LDFLAGS)' -o $(BIN)/quhao-kiosk ./kiosk
	$(GO) build -tags nethttpomithttp2 -ldflags '$(LDFLAGS)' -o $(BIN)/quhao-display ./display
	$(GO) build -ldflags '$(LDFLAGS)' -o $(BIN)/hall ./drivers/virtual/hall

## make cross   kiosk and display static for arm64, armv7, armv6; quhaod for arm64 (wants gcc-aarch64-linux-gnu)
cross:
	@GO=$(GO) LDFLAGS='$(LDFLAGS)' scripts/cross

## make packages  quhaod and quhao-device as .deb for arm64, armhf and amd64, in bin/deb (wants cross compilers)
packages:
	@GO=$(GO) scripts/pack

## make debs    the packages, looked at and installed, upgraded and purged in a fresh Debian (wants root)
debs:
	@GO=$(GO) scripts/debs

## make fuzz    each fuzz test for FUZZTIME (5s)
fuzz:
	@GO=$(GO) scripts/fuzz

## make soak    the simulator and the crash loops, for long
soak:
	QUHAO_RUNS=1000000 QUHAO_ROUNDS=1000 $(GO) test -timeout 0 -count 1 -v -run 'Sim|Crash|Kill' ./internal/sim ./internal/e2e ./daemon/store

clean:
	rm -rf $(BIN) run
