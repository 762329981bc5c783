// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>

namespace covey::lowlevel {

// A number from the run's own source: with run_options::seed, the same ones in every run. Throws
// std::logic_error outside a run.
[[nodiscard]] std::uint64_t random_number();

// One of 0 .. count - 1, each as likely; count isn't 0. From a source of the worker's own, seeded
// by the run's: cheaper, as it takes no lock, for choices on a hot path. Throws as random_number().
[[nodiscard]] std::size_t random_choice(std::size_t count);

}  // namespace covey::lowlevel
