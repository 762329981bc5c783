// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstdint>
#include <string>

namespace covey {

// What cancelled a scope first.
enum class cancel_source : std::uint8_t {
    none,
    explicit_call,  // somebody called cancel()
    deadline,       // the scope's time was up
    nursery,        // a child or the body of the nursery failed
    interrupt,      // SIGINT or SIGTERM
    shutdown,       // the run ends
};

// "explicit_call", "deadline", ...
[[nodiscard]] const char* to_string(cancel_source source) noexcept;

// The first cause of a cancellation; never overwritten by later ones. (C50-C53)
struct cancel_cause {
    cancel_source source = cancel_source::none;
    std::string reason;     // as given to cancel(), or made by covey
    std::string task_name;  // the task that asked; empty: a foreign thread or a clock
};

}  // namespace covey
