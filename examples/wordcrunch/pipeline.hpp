// SPDX-License-Identifier: BSL-1.0
// The stages, put together: who is started under whom, what a limit stops, how it all ends.
#pragma once

#include "options.hpp"
#include "result.hpp"

#include <covey/covey.hpp>

namespace wordcrunch {

// Counts what `wanted` asks for. What can't be read is part of the result; with fail_fast it comes
// out as unreadable_error in the group of a nursery, when everything else has been cancelled and
// has ended.
covey::task<crunch_result> crunch(options wanted);

}  // namespace wordcrunch
