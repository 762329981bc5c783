#!/usr/bin/env bash
# SPDX-License-Identifier: BSL-1.0
true
