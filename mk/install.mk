# SPDX-License-Identifier: Apache-2.0
PREFIX ?= /usr/local
