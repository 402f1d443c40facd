# SPDX-License-Identifier: Apache-2.0
# Compilers, flags, and the probes for optional parts.

CROSS ?=
ifeq ($(origin CC),default)
CC := $(CROSS)gcc
endif
AR := $(CROSS)ar
LD := $(CROSS)ld
NM := $(CROSS)nm
OBJCOPY := $(CROSS)objcopy
PKG_CONFIG ?= pkg-config
CFLAGS ?= -O2 -g

WARNINGS := -Wall -Wextra -Wshadow -Wconversion -Wsign-conversion -Wstrict-prototypes -Wmissing-prototypes \
	-Wvla -Wundef -Wformat=2 -Wimplicit-fallthrough -Wcast-qual -Wpointer-arith -Wwrite-strings -Wnull-dereference
WERROR ?=
HARDENING := -fstack-protector-strong -fPIC -fno-strict-overflow -fno-delete-null-pointer-checks
ifeq ($(SANITIZE),)
HARDENING += -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 -fstack-clash-protection
else
SAN := -fsanitize=$(SANITIZE) -fno-sanitize-recover=all -fno-omit-frame-pointer
endif
MACHINE := $(firstword $(subst -, ,$(shell $(CC) -dumpmachine)))
ifeq ($(MACHINE),x86_64)
HARDENING += -fcf-protection=full
endif
LDHARDENING := -Wl,-z,relro,-z,now,-z,noexecstack,--as-needed

# libipsec-mb is there on amd64 alone (a cross compiler finds the header, too); without it OpenSSL does the bulk work
HAVE_IPSEC_MB := $(if $(filter x86_64,$(MACHINE)),$(shell echo '#include <intel-ipsec-mb.h>' | $(CC) -E -x c - >/dev/null 2>&1 && echo 1))
ifeq ($(HAVE_IPSEC_MB),1)
FEATURES += -DHAVE_IPSEC_MB=1
LIBS_IPSEC_MB := -lIPSec_MB
else
FEATURES += -DHAVE_IPSEC_MB=0
endif

LIBS := -lcrypto -ljansson -lp11-kit -ldl $(LIBS_IPSEC_MB) -lpthread
ALL_CPPFLAGS := -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -Iinclude -Isrc -I/usr/include/p11-kit-1 $(FEATURES) $(CPPFLAGS)
ALL_CFLAGS := -std=gnu11 $(WARNINGS) $(WERROR) $(HARDENING) -fvisibility=hidden -pthread $(SAN) $(CFLAGS)
ALL_LDFLAGS := $(LDHARDENING) -pthread $(SAN) $(LDFLAGS)

ifeq ($(V),1)
Q :=
SAY := @:
else
Q := @
SAY := @printf '  %-7s %s\n'
endif
