# binrelay: make, make check, make lint, make format, make layers, make fuzz, make install.
#
#   make                  build/binrelayd and build/binrelay (needs compiler, make, pkg-config, libraries)
#   make check            unit, golden, simulation, fuzz corpus, layers, docs, format, lint
#   make soak         the crash simulation, random switchovers and statements on real servers, without end
#   make soak-events  the last of these alone; SEED=n begins with that one, STATEMENTS=n in a round
#   make SAN=address ...  address and undefined sanitizers, in build-address/
#   make SAN=thread ...   thread sanitizer, in build-thread/
#   make clang            the programs once more with clang, in build-clang/
#   make sanitized        all programs of the tests under both sanitizers
#   make fuzz             libFuzzer targets in build-fuzz/ (clang), each run for FUZZ_SECONDS
#   make docs             sample configuration and manual pages from the tables in the code
#   make install DESTDIR= PREFIX=/usr/local
#   make deb              build/binrelay_VERSION_ARCHITECTURE.deb

PREFIX ?= /usr/local
SAN    ?=
CC     ?= cc
BUILD  := build$(if $(SAN),-$(SAN))

PACKAGES := rdkafka libmicrohttpd libcurl libmariadb openssl sqlite3 inih libdeflate zlib libzstd libxxhash json-c libpcre2-8 libsystemd
PKG_CFLAGS := $(shell pkg-config --cflags $(PACKAGES))
# libev has no .pc file in every distribution.
PKG_LIBS   := $(shell pkg-config --libs $(PACKAGES)) -lev -lm

SAN_address := -fsanitize=address,undefined -fno-sanitize-recover=all
SAN_thread  := -fsanitize=thread
ifneq ($(SAN),)
ifeq ($(SAN_$(SAN)),)
$(error SAN is address or thread)
endif
endif

OPT    ?= -O2
WARN   := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wconversion \
          -Wimplicit-fallthrough -Wvla -Wformat=2 -Wundef -Wwrite-strings -Wcast-qual -Werror
# FORTIFY and the sanitizers get in each other's way.
HARDEN := -fstack-protector-strong -fPIE $(if $(SAN),,-D_FORTIFY_SOURCE=2 -fstack-clash-protection)
override CFLAGS  := -std=gnu17 $(OPT) -g -fno-omit-frame-pointer $(WARN) $(HARDEN) -D_GNU_SOURCE -I. \
                    $(PKG_CFLAGS) $(SAN_$(SAN)) $(CFLAGS)
override LDFLAGS := -pie -pthread $(if $(SAN),,-Wl,-z,relro,-z,now) $(SAN_$(SAN)) $(LDFLAGS)

PROTOCOL  := $(wildcard protocol/base/*.c protocol/*.c)
STORAGE   := $(wildcard storage/*.c)
PUBLISHER := $(wildcard publisher/*.c publisher/*/*.c)
RELAY     := $(filter-out relay/main.c,$(wildcard relay/*.c relay/*/*.c))
OPERATOR  := $(filter-out tools/binrelay/main.c,$(wildcard tools/binrelay/*.c))
PEERS     := $(wildcard tools/peers/*.c)
UNIT      := $(wildcard tests/unit/test_*.c)
GOLDEN    := $(wildcard tests/golden/test_*.c)
SIM       := $(wildcard tests/sim/test_*.c)
SIM_LIB   := $(filter-out $(SIM),$(wildcard tests/sim/*.c))
FUZZ      := $(wildcard tests/fuzz/fuzz_*.c)

obj = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))

# Objects that only a pattern asks for are kept all the same.
.SECONDARY:

.PHONY: all check unit golden sim fuzz-corpus fuzz lint format format-check layers banned docs docs-check \
        install clean tests soak soak-events
all: $(BUILD)/binrelayd $(BUILD)/binrelay

$(BUILD)/obj/%.o: %.c
	@mkdir -p $(@D)
	@echo "  CC  $<"
	@$(CC) $(CFLAGS) -MMD -MP -c -o $@ $<

# The status page is in the program.
$(BUILD)/obj/relay/watch/page_file.o: relay/watch/page.html

# Archives are made anew, so that a removed source leaves nothing behind.
$(BUILD)/lib%.a:
	@mkdir -p $(@D)
	@rm -f $@
	@ar rcs $@ $^
$(BUILD)/libprotocol.a:  $(call obj,$(PROTOCOL))
$(BUILD)/libstorage.a:   $(call obj,$(STORAGE))
$(BUILD)/libpublisher.a: $(call obj,$(PUBLISHER))
$(BUILD)/librelay.a:     $(call obj,$(RELAY))
$(BUILD)/liboperator.a:  $(call obj,$(OPERATOR))
$(BUILD)/libsim.a:       $(call obj,$(SIM_LIB))

BELOW_RELAY := $(BUILD)/libpublisher.a $(BUILD)/libstorage.a $(BUILD)/libprotocol.a

$(BUILD)/binrelayd: $(call obj,relay/main.c) $(BUILD)/librelay.a $(BELOW_RELAY)
	@echo "  LD  $@"
	@$(CC) $(LDFLAGS) -o $@ $^ $(PKG_LIBS)
$(BUILD)/binrelay: $(call obj,tools/binrelay/main.c) $(BUILD)/liboperator.a $(BELOW_RELAY)
	@echo "  LD  $@"
	@$(CC) $(LDFLAGS) -o $@ $^ $(PKG_LIBS)
# Programs that the benchmark measures against: one source file each.
$(BUILD)/peers/%: $(BUILD)/obj/tools/peers/%.o $(BELOW_RELAY)
	@mkdir -p $(@D)
	@echo "  LD  $@"
	@$(CC) $(LDFLAGS) -o $@ $^ $(PKG_LIBS)
peers: $(patsubst tools/peers/%.c,$(BUILD)/peers/%,$(PEERS))
.PHONY: peers

# ---- tests -------------------------------------------------------------------------------------
TEST_LIBS := $(BUILD)/libsim.a $(BUILD)/librelay.a $(BUILD)/liboperator.a $(BELOW_RELAY)
$(BUILD)/tests/%: $(BUILD)/obj/tests/%.o $(TEST_LIBS)
	@mkdir -p $(@D)
	@echo "  LD  $@"
	@$(CC) $(LDFLAGS) -o $@ $< $(TEST_LIBS) $(PKG_LIBS) -lcmocka
# The simulated source takes the place of protocol/client.c and plays the syncer's part.
$(BUILD)/tests/sim/test_crash: $(BUILD)/obj/tests/sim/test_crash.o \
  $(BUILD)/obj/tests/sim/source/sim_source.o $(TEST_LIBS)
	@mkdir -p $(@D)
	@echo "  LD  $@"
	@$(CC) $(LDFLAGS) -Wl,--wrap=store_wait_synced -o $@ $(filter %.o,$^) $(TEST_LIBS) $(PKG_LIBS)
# The fuzz targets, run over their kept inputs by a plain driver.
$(BUILD)/tests/fuzz/%: $(BUILD)/obj/tests/fuzz/%.o $(BUILD)/obj/tests/fuzz/corpus_driver.o $(TEST_LIBS)
	@mkdir -p $(@D)
	@echo "  LD  $@"
	@$(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) $(TEST_LIBS) $(PKG_LIBS)

bins = $(patsubst tests/%.c,$(BUILD)/tests/%,$(1))
tests: $(call bins,$(UNIT) $(GOLDEN) $(SIM) $(FUZZ))

define run_each
	@set -e; for t in $(1); do echo "  RUN $$t"; $$t > $(BUILD)/test.log 2>&1 || { cat $(BUILD)/test.log; exit 1; }; done
endef
unit: $(call bins,$(UNIT))
	$(call run_each,$^)
golden: $(call bins,$(GOLDEN)) $(BUILD)/binrelay
	$(call run_each,$(call bins,$(GOLDEN)))
	@echo "  RUN tests/golden/debezium.py"; tests/golden/debezium.py $(BUILD)/binrelay
	@echo "  RUN tests/golden/avro.py"; tests/golden/avro.py $(BUILD)/binrelay
sim: $(call bins,$(SIM))
	$(call run_each,$^)
fuzz-corpus: $(call bins,$(FUZZ))
	@set -e; for t in $^; do n=$${t##*/fuzz_}; echo "  RUN $$t"; $$t tests/fuzz/corpus/$$n; done

# New seeds without end, until one fails: it prints the seed or the command that repeats it. JOBS=n
# processes for the crashes.
STATEMENTS ?= 3000
NEW_SEED = od -An -N3 -tu4 /dev/urandom | tr -d ' '
RANDOM_STATEMENTS = BINRELAY_TEST_STATEMENTS=$(STATEMENTS) tests/run e2e --no-build -v -k random_equal
soak: all $(BUILD)/tests/sim/test_crash
	@SOAK=1 $(BUILD)/tests/sim/test_crash & crashes=$$!; \
	trap 'kill $$crashes 2>/dev/null; exit 130' INT TERM; \
	while kill -0 $$crashes 2>/dev/null && \
	  ROUNDS=100 tests/run e2e --no-build -k random_switchovers && \
	  BINRELAY_TEST_SEED=$$($(NEW_SEED)) $(RANDOM_STATEMENTS); do :; done; \
	kill $$crashes 2>/dev/null; echo "soak: ended by a failure" >&2; exit 1
soak-events: all
	@seed=$${SEED:-$$($(NEW_SEED))}; while BINRELAY_TEST_SEED=$$seed $(RANDOM_STATEMENTS); do \
	  seed=$$((seed + 1)); done; \
	echo "again with  make soak-events SEED=$$seed STATEMENTS=$(STATEMENTS)" >&2; exit 1

check: all unit golden sim fuzz-corpus layers banned docs-check format-check lint
	@echo "check: all passed"

# What another compiler and the sanitizers have to say; tests/run asks them too. They are ten times as
# slow: fewer seeds.
clang:
	@$(MAKE) --no-print-directory CC=clang BUILD=build-clang all
sanitized:
	@SEEDS=400 $(MAKE) --no-print-directory SAN=address unit golden sim fuzz-corpus
	@SEEDS=400 $(MAKE) --no-print-directory SAN=thread unit golden sim fuzz-corpus
.PHONY: clang sanitized

# ---- fuzzing: clang and its libFuzzer ------------------------------------------------------------
FUZZ_SECONDS ?= 30
fuzz:
	@set -e; mkdir -p build-fuzz; for f in $(FUZZ); do n=$$(basename $$f .c); c=$${n#fuzz_}; \
	  echo "  FUZZ $$n"; \
	  clang -std=gnu17 -O1 -g -D_GNU_SOURCE -I. $(PKG_CFLAGS) -fsanitize=fuzzer,address,undefined \
	    -o build-fuzz/$$n $$f $(SIM_LIB) $(PROTOCOL) $(STORAGE) $(PUBLISHER) $(RELAY) -pthread $(PKG_LIBS); \
	  mkdir -p build-fuzz/corpus/$$c tests/fuzz/corpus/$$c; \
	  build-fuzz/$$n -max_total_time=$(FUZZ_SECONDS) -rss_limit_mb=2048 -artifact_prefix=build-fuzz/ \
	    build-fuzz/corpus/$$c tests/fuzz/corpus/$$c; \
	done

# ---- style -------------------------------------------------------------------------------------
C_FILES := $(shell git ls-files -co --exclude-standard -- '*.c' '*.h' 2>/dev/null || \
             find protocol storage publisher relay tools tests -name '*.[ch]')
TIDY    := $(filter %.c,$(filter-out tests/%,$(C_FILES)))

format:
	@clang-format -i $(C_FILES)
format-check:
	@clang-format --dry-run --Werror $(C_FILES) || { echo "run 'make format'"; exit 1; }
layers:
	@tools/layers
banned:
	@! grep -nE '\b(strcpy|strcat|sprintf|gets|strtok|atoi|alloca)\(' $(C_FILES) || \
	  { echo "unsafe string calls: use buf.h, snprintf, strtol"; exit 1; }

# clang-tidy is slow: a stamp a file, so that only what changed is looked at again.
tidy_stamps = $(patsubst %.c,build/lint/%.tidy,$(TIDY))
build/lint/%.tidy: %.c .clang-tidy
	@mkdir -p $(@D)
	@echo "  TIDY $<"
	@clang-tidy --quiet $< -- -std=gnu17 -D_GNU_SOURCE -I. $(PKG_CFLAGS) 2>build/lint/err.$$$$ || \
	  { cat build/lint/err.$$$$; rm -f build/lint/err.$$$$; exit 1; }; rm -f build/lint/err.$$$$
	@$(CC) -std=gnu17 -D_GNU_SOURCE -I. $(PKG_CFLAGS) -MM -MT $@ -MF $@.d $< && touch $@
lint: $(tidy_stamps)
	@mkdir -p build/lint/cppcheck
	@cppcheck --quiet --std=c11 --language=c -D_GNU_SOURCE -I. --enable=warning,performance,portability \
	  --inline-suppr --suppressions-list=tests/cppcheck.suppressions --error-exitcode=1 \
	  --cppcheck-build-dir=build/lint/cppcheck -j 2 $(TIDY)
	@command -v shellcheck >/dev/null 2>&1 || exit 0; \
	  shellcheck -S warning $$(grep -lE '^#!.*\bbash' tools/* tests/run .ci/run 2>/dev/null)

# ---- documents printed from the tables -----------------------------------------------------------
docs: all
	@$(BUILD)/binrelayd --print-sample > conf/binrelay.conf.sample
	@$(BUILD)/binrelayd --print-man binrelay.conf.5 > conf/binrelay.conf.5
	@$(BUILD)/binrelayd --print-man binrelayd.8 > conf/binrelayd.8
	@$(BUILD)/binrelay --print-man > conf/binrelay.1
	@$(BUILD)/binrelay --print-completion > conf/binrelay.bash-completion
docs-check: all
	@set -e; \
	$(BUILD)/binrelayd --print-sample | diff -u conf/binrelay.conf.sample - && \
	$(BUILD)/binrelayd --print-man binrelay.conf.5 | diff -u conf/binrelay.conf.5 - && \
	$(BUILD)/binrelayd --print-man binrelayd.8 | diff -u conf/binrelayd.8 - && \
	$(BUILD)/binrelay --print-man | diff -u conf/binrelay.1 - && \
	$(BUILD)/binrelay --print-completion | diff -u conf/binrelay.bash-completion - || \
	  { echo "documents are not what the tables say: run 'make docs'"; exit 1; }

# Where systemd looks for what an administrator or a package installed.
UNIT_DIR ?= $(if $(filter /usr,$(PREFIX)),/lib,/etc)/systemd/system
install: all
	install -d $(DESTDIR)$(PREFIX)/sbin $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/man/man1 \
	  $(DESTDIR)$(PREFIX)/share/man/man5 $(DESTDIR)$(PREFIX)/share/man/man8 \
	  $(DESTDIR)$(PREFIX)/share/doc/binrelay $(DESTDIR)$(PREFIX)/share/bash-completion/completions \
	  $(DESTDIR)$(UNIT_DIR)
	install -m 755 $(BUILD)/binrelayd $(DESTDIR)$(PREFIX)/sbin/binrelayd
	install -m 755 $(BUILD)/binrelay $(DESTDIR)$(PREFIX)/bin/binrelay
	install -m 644 conf/binrelay.1 $(DESTDIR)$(PREFIX)/share/man/man1/
	install -m 644 conf/binrelay.conf.5 $(DESTDIR)$(PREFIX)/share/man/man5/
	install -m 644 conf/binrelayd.8 $(DESTDIR)$(PREFIX)/share/man/man8/
	install -m 644 conf/binrelay.bash-completion \
	  $(DESTDIR)$(PREFIX)/share/bash-completion/completions/binrelay
	sed -e 's,/usr/,$(PREFIX)/,' conf/binrelayd.service > $(DESTDIR)$(UNIT_DIR)/binrelayd.service
	install -m 644 conf/binrelay.conf.sample conf/recipes.md conf/prometheus-binrelay.rules.yml \
	  conf/grafana-binrelay.json README.md ARCHITECTURE.md CHANGELOG.md LICENSE \
	  $(DESTDIR)$(PREFIX)/share/doc/binrelay/

deb: all
	@tools/deb $(BUILD)
.PHONY: deb

clean:
	rm -rf build build-address build-thread build-clang build-fuzz

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
