// SPDX-License-Identifier: BSL-1.0
#pragma once

// The whole cluster room.

#include <covey/caf_host.hpp>
