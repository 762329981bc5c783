// SPDX-License-Identifier: BSL-1.0
#pragma once

// Runs a program and says what is wrong with it: whatever bytes it was read from, nothing is left
// behind, every value is accounted for, every error is in one place, what is inside ends first, and
// no more time passes than was asked for.

#include "fuzz/program.hpp"
#include "fuzz/world.hpp"

#include <string>

namespace fuzz {

// One worker, virtual time, and the program's own seed. "" or what is wrong.
[[nodiscard]] std::string run(const program& played, tally& sums);
// Several workers and the machine's clock, where a unit of time is short.
[[nodiscard]] std::string run_for_real(const program& played, unsigned workers, tally& sums);

}  // namespace fuzz
