# SPDX-License-Identifier: BSL-1.0
"""`./dev bench`: runs covey's workloads and the peers' in turn, and compares them."""
