// SPDX-License-Identifier: BSL-1.0
#pragma once

// CAF, for the tests of the cluster room: parsed once for all of them.

#include <caf/all.hpp>
