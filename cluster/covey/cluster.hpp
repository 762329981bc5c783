// SPDX-License-Identifier: BSL-1.0
#pragma once

// The whole cluster room, but for <covey/caf.hpp>, which mentions CAF's own types.

#include <covey/caf_host.hpp>
