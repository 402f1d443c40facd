# SPDX-License-Identifier: Apache-2.0
# Installing: under PREFIX, below DESTDIR; uninstall takes away what install made.

PREFIX ?= /usr/local
BINDIR ?= $(PREFIX)/bin
LIBDIR ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
MANDIR ?= $(PREFIX)/share/man
BASHDIR ?= $(PREFIX)/share/bash-completion/completions
ZSHDIR ?= $(PREFIX)/share/zsh/site-functions
FISHDIR ?= $(PREFIX)/share/fish/vendor_completions.d
DATADIR ?= $(PREFIX)/share/coffer
INSTALL ?= install
UNITS := $(patsubst contrib/systemd/%,%,$(wildcard contrib/systemd/*.* contrib/systemd/*.d/*.conf))
UNITS := $(filter-out %.d,$(UNITS))
LDCONFIG ?= $(if $(DESTDIR),:,ldconfig)

# the command writes its own man pages and completions, so that they cannot differ from it
$(BUILD)/generated: $(BUILD)/coffer
	$(SAY) GEN man pages, completions
	$(Q)rm -rf $(BUILD)/man $(BUILD)/completion && mkdir -p $(BUILD)/man $(BUILD)/completion
	$(Q)$(RUN_WITH) $(BUILD)/coffer _man $(BUILD)/man >/dev/null
	$(Q)for shell in bash zsh fish; do $(RUN_WITH) $(BUILD)/coffer completion $$shell > $(BUILD)/completion/$$shell || exit 1; done
	$(Q)touch $@

define COFFER_PC
prefix=$(PREFIX)
libdir=$(LIBDIR)
includedir=$(INCLUDEDIR)

Name: coffer
Description: keep AI model weights secret
Version: $(VERSION)
Requires.private: libcrypto jansson p11-kit-1
Libs: -L$${libdir} -lcoffer
Libs.private: $(LIBS_IPSEC_MB) -lpthread
Cflags: -I$${includedir}
endef
export COFFER_PC

.PHONY: install uninstall
install: all $(BUILD)/generated
	$(INSTALL) -d $(DESTDIR)$(BINDIR) $(DESTDIR)$(LIBDIR)/pkgconfig $(DESTDIR)$(INCLUDEDIR)/coffer \
		$(DESTDIR)$(BASHDIR) $(DESTDIR)$(ZSHDIR) $(DESTDIR)$(FISHDIR)
	$(INSTALL) -m 755 $(BUILD)/coffer $(DESTDIR)$(BINDIR)/coffer
	$(INSTALL) -m 644 include/coffer/*.h $(DESTDIR)$(INCLUDEDIR)/coffer
	$(INSTALL) -m 644 $(BUILD)/libcoffer.a $(DESTDIR)$(LIBDIR)/libcoffer.a
	$(INSTALL) -m 644 $(BUILD)/libcoffer.so.$(SOVERSION) $(DESTDIR)$(LIBDIR)/libcoffer.so.$(VERSION)
	ln -sf libcoffer.so.$(VERSION) $(DESTDIR)$(LIBDIR)/libcoffer.so.$(SOVERSION)
	ln -sf libcoffer.so.$(SOVERSION) $(DESTDIR)$(LIBDIR)/libcoffer.so
	printf '%s\n' "$$COFFER_PC" > $(DESTDIR)$(LIBDIR)/pkgconfig/coffer.pc
	for page in $(BUILD)/man/* $(wildcard man/*.[1-8]); do \
		$(INSTALL) -D -m 644 $$page $(DESTDIR)$(MANDIR)/man$${page##*.}/$${page##*/} || exit 1; \
	done
	$(INSTALL) -m 644 $(BUILD)/completion/bash $(DESTDIR)$(BASHDIR)/coffer
	$(INSTALL) -m 644 $(BUILD)/completion/zsh $(DESTDIR)$(ZSHDIR)/_coffer
	$(INSTALL) -m 644 $(BUILD)/completion/fish $(DESTDIR)$(FISHDIR)/coffer.fish
	# units of systemd, for whoever wants them to copy
	for unit in $(UNITS); do \
		$(INSTALL) -D -m 644 contrib/systemd/$$unit $(DESTDIR)$(DATADIR)/systemd/$$unit && \
		sed -i 's,/usr/local/bin/coffer,$(BINDIR)/coffer,' $(DESTDIR)$(DATADIR)/systemd/$$unit || exit 1; \
	done
	$(LDCONFIG)

uninstall:
	rm -f $(DESTDIR)$(BINDIR)/coffer $(DESTDIR)$(LIBDIR)/libcoffer.a $(DESTDIR)$(LIBDIR)/libcoffer.so* \
		$(DESTDIR)$(LIBDIR)/pkgconfig/coffer.pc $(DESTDIR)$(MANDIR)/man[1-8]/coffer[-_.]* \
		$(DESTDIR)$(BASHDIR)/coffer $(DESTDIR)$(ZSHDIR)/_coffer $(DESTDIR)$(FISHDIR)/coffer.fish
	rm -rf $(DESTDIR)$(INCLUDEDIR)/coffer $(DESTDIR)$(DATADIR)
	$(LDCONFIG)
