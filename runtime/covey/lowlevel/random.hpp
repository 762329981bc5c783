// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstdint>

namespace covey::lowlevel {

// A number from the run's own source: with run_options::seed, the same ones in every run. Throws
// std::logic_error outside a run.
[[nodiscard]] std::uint64_t random_number();

}  // namespace covey::lowlevel
