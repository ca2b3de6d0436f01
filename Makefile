# make demo      build, make a guest, map it, boot it through the logger and report what it read
# make check     check the formatting, build without warnings, run the tests
# make check-debian   the same for a Debian root filesystem on every storage stack: two hours under emulation
# make check-debian-boot   a part of that: boot a Debian through the logger and write to every kind of overlay
# make check-wild   map and verify third-party images, which are downloaded once: up to half an hour under emulation;
#                choose some with WILD="--group tables --group forensics"
# make man       the manual pages, in .build/man
# make install   PREFIX=/usr/local DESTDIR=
# make benchmark time the mapper on 20,000 files, reading a disk in several formats, look-ups in a map, serving with the
#                log, naming a trace, and reports (make benchmark-walk, -vmdk, -map, -serve, -annotate, -report; -native
#                and -scale are not included)
# make fuzz      RUNS=2000000 PARSERS="vmdk walk": run the parsers of untrusted data on generated inputs, see
#                Tests/Fuzz/run
# make clean
# demo and check first install the Debian packages they need (scripts/setup).

SHELL = /bin/bash
.SHELLFLAGS = -eu -o pipefail -c
PREFIX ?= /usr/local
SWIFT ?= swift
SWIFT_FLAGS ?= -Xswiftc -warnings-as-errors

# The tools, the tests and the examples look for the built programs here.
export BMAP_BUILD ?= $(CURDIR)/.build/release
demo = .build/demo

# nbdkit looks for plugins in a single directory, and for filters in another.
ifeq ($(PREFIX),/usr)
plugindir = $(shell pkg-config --variable=plugindir nbdkit)
filterdir = $(shell pkg-config --variable=filterdir nbdkit)
else
plugindir = $(PREFIX)/lib/nbdkit/plugins
filterdir = $(PREFIX)/lib/nbdkit/filters
endif

completions = .build/completions
share = $(DESTDIR)$(PREFIX)/share

# The manual pages are written in POD. bmap is in section 5, all others are in section 1.
man = .build/man
pages = $(patsubst man/%.pod,$(man)/%.1,$(filter-out man/bmap.pod,$(wildcard man/*.pod))) $(man)/bmap.5
version_source = Sources/Basics/Version/Version.swift
version = $(shell sed -n 's/^public let version = "\(.*\)"$$/\1/p' $(version_source))

.PHONY: build completions man setup demo check check-man check-wild check-debian check-debian-boot benchmark benchmark-walk benchmark-vmdk benchmark-map benchmark-serve benchmark-annotate benchmark-report benchmark-native benchmark-scale benchmark-boot fuzz install clean

build: setup
	$(SWIFT) build -c release --static-swift-stdlib $(SWIFT_FLAGS)
	$(MAKE) --no-print-directory man completions

# The files for completing virt-bmap's command line in bash, zsh and fish.
completions:
	@mkdir -p $(completions)
	@$(BMAP_BUILD)/virt-bmap --generate-completion-script bash >$(completions)/virt-bmap
	@$(BMAP_BUILD)/virt-bmap --generate-completion-script zsh >$(completions)/_virt-bmap
	@$(BMAP_BUILD)/virt-bmap --generate-completion-script fish >$(completions)/virt-bmap.fish

man: $(pages)

$(man)/%.1: man/%.pod $(version_source)
	$(call pod2man,1)

$(man)/%.5: man/%.pod $(version_source)
	$(call pod2man,5)

# No date, since it would be that of the checkout.
define pod2man
	@mkdir -p $(man)
	@test -n "$(version)" || { echo "no version in $(version_source)" >&2; exit 1; }
	@echo pod2man $<
	@pod2man --section=$(1) --name=$(basename $(@F)) --release="virt-bmap $(version)" \
	    --center="Virtualization Support" --date=" " --utf8 --errors=die $< $@
endef

# Warnings are errors, too, but the exit status of podchecker reports only errors.
check-man:
	podchecker -warnings -warnings man/*.pod 2>&1 | { ! grep -v 'pod syntax OK\.$$'; }

setup:
	@scripts/setup

demo: build
	examples/make-guest $(demo)
	cd $(demo) && $(BMAP_BUILD)/virt-bmap -o guest.bmap guest.vmdk
	cd $(demo) && $(BMAP_BUILD)/virt-bmap boot guest.vmdk --log boot.json --timeout 120
	cd $(demo) && $(BMAP_BUILD)/virt-bmap report boot.json -o report.html
	@echo
	@echo "The report of the boot, for a web browser: $(CURDIR)/$(demo)/report.html"

# The tests are built separately: the static standard library has no Testing module. The corpus of images runs first
# and alone, then the tests that boot no guests. The integration tests run last and alone: if they had to share the
# processors, they could miss time limits, or the moment at which something is to be interrupted.
check: build check-man
	$(SWIFT) format lint --strict -r Package.swift Sources Tests
	Tests/Oracles/setup
	$(SWIFT) test $(SWIFT_FLAGS) --filter DiskImageTests
	$(SWIFT) test $(SWIFT_FLAGS) --skip DiskImageTests --skip Integration
	$(SWIFT) test $(SWIFT_FLAGS) --filter Integration --skip DebianTests --skip DebianRootsTests --skip DebianBootTests

# The output must match Tests/Wild/expected; Tests/Wild/check --update rewrites that. The downloads and the images
# (2 GB) are stored in .build/wild.
check-wild: build
	Tests/Oracles/setup
	Tests/Wild/fetch .build/wild
	Tests/Wild/check .build/wild $(WILD)

# Takes too long to run every time.
check-debian: check-debian-boot
	$(SWIFT) test $(SWIFT_FLAGS) --filter 'DebianTests|DebianRootsTests'

check-debian-boot: build
	$(SWIFT) test $(SWIFT_FLAGS) --filter DebianBootTests

benchmark: benchmark-walk benchmark-vmdk benchmark-map benchmark-serve benchmark-annotate benchmark-report

benchmark-walk: build
	Tests/Integration/Guests/make-20k-guest .build/benchmark
	$(BMAP_BUILD)/bench-walk $(BMAP_BUILD)/virt-bmap .build/benchmark/20k-lvm.raw .build/benchmark/20k.raw

# Run as root: only root can mount a filesystem without an appliance.
benchmark-native: build
	Tests/Integration/Guests/make-20k-guest .build/benchmark
	$(BMAP_BUILD)/bench-native $(BMAP_BUILD)/virt-bmap-walker .build/benchmark/20k.raw 1048576

# Maps up to a million files: takes a quarter of an hour, and 4 GB in .build/benchmark.
benchmark-scale: build
	for count in 100000 500000 1000000; do Tests/Integration/Guests/make-many-guest .build/benchmark $$count; done
	$(BMAP_BUILD)/bench-scale $(BMAP_BUILD)/virt-bmap .build/benchmark/many-{100000,500000,1000000}.raw

# Needs fio and nbdcopy, and 4 GB in .build/benchmark.
benchmark-vmdk: build
	$(BMAP_BUILD)/bench-vmdk $(BMAP_BUILD)/libnbdkit-bmaplogger-plugin.so .build/benchmark

# Times the index with one million and with ten million ranges. Needs 4 GB of memory.
benchmark-map: build
	$(BMAP_BUILD)/bench-map

# Needs chromium, and 500 MB in .build/benchmark.
benchmark-report: build
	Tests/Benchmarks/bench-report $(BMAP_BUILD)/virt-bmap .build/benchmark

# Needs fio and nbdcopy, and 2 GB in .build/benchmark.
benchmark-serve: build
	$(BMAP_BUILD)/bench-serve $(BMAP_BUILD)/libnbdkit-bmaplogger-plugin.so .build/benchmark

# Needs 1 GB in .build/benchmark.
benchmark-annotate: build
	$(BMAP_BUILD)/bench-annotate $(BMAP_BUILD)/virt-bmap $(BMAP_BUILD)/bench-map .build/benchmark

# Takes a few minutes of processor time for each parser; there is one build for all of them. The inputs found are
# saved in .build-fuzz, and the next run continues from there. An input that reveals a bug should go to
# Tests/Fuzz/corpora (for VMDKs, Tests/Fuzz/corpus), which the tests run through the parsers each time. Set
# SANITIZE=address in the environment to use AddressSanitizer.
RUNS ?= 2000000
PARSERS ?= vmdk $(notdir $(wildcard Tests/Fuzz/corpora/*))
fuzz: setup
	for parser in $(PARSERS); do Tests/Fuzz/run $$parser -runs=$(RUNS); done

# Boots the demo guest ten times, half of them with the live view: two minutes on an idle machine. Run make demo first.
benchmark-boot: build
	Tests/Benchmarks/bench-boot $(BMAP_BUILD)/virt-bmap $(demo)/guest.vmdk $(demo)/guest.bmap

# Uses only what "make build" made: run it as root after that.
install: $(pages) completions
	install -d "$(DESTDIR)$(PREFIX)/bin" "$(DESTDIR)$(PREFIX)/lib/virt-bmap" "$(DESTDIR)$(plugindir)" \
	    "$(DESTDIR)$(filterdir)" "$(DESTDIR)$(PREFIX)/share/man/man1" "$(DESTDIR)$(PREFIX)/share/man/man5"
	install -s $(BMAP_BUILD)/virt-bmap "$(DESTDIR)$(PREFIX)/bin/"
	install -s $(BMAP_BUILD)/virt-bmap-walker "$(DESTDIR)$(PREFIX)/lib/virt-bmap/"
	install -s -m 644 $(BMAP_BUILD)/libnbdkit-bmaprecorder-plugin.so \
	    "$(DESTDIR)$(PREFIX)/lib/virt-bmap/nbdkit-bmaprecorder-plugin.so"
	install -s -m 644 $(BMAP_BUILD)/libnbdkit-bmaplogger-plugin.so \
	    "$(DESTDIR)$(plugindir)/nbdkit-bmaplogger-plugin.so"
	install -s -m 644 $(BMAP_BUILD)/libnbdkit-bmaplogger-filter.so \
	    "$(DESTDIR)$(filterdir)/nbdkit-bmaplogger-filter.so"
	install -m 644 $(filter %.1,$(pages)) "$(DESTDIR)$(PREFIX)/share/man/man1/"
	install -m 644 $(filter %.5,$(pages)) "$(DESTDIR)$(PREFIX)/share/man/man5/"
	install -D -m 644 $(completions)/virt-bmap "$(share)/bash-completion/completions/virt-bmap"
	install -D -m 644 $(completions)/_virt-bmap "$(share)/zsh/site-functions/_virt-bmap"
	install -D -m 644 $(completions)/virt-bmap.fish "$(share)/fish/vendor_completions.d/virt-bmap.fish"

clean:
	rm -rf .build .build-fuzz .build-fuzz-address
