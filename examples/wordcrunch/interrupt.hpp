// SPDX-License-Identifier: BSL-1.0
// Ctrl-C, by hand until the runtime's own signals come: a handler sets a flag, a task of the
// pipeline looks at it now and then.
#pragma once

#include <csignal>

namespace wordcrunch {

// While it lives, the first SIGINT only sets the flag; the second one acts as it does by default
// and ends the program. One at a time.
class interrupt_flag {
 public:
    interrupt_flag() noexcept;
    interrupt_flag(const interrupt_flag&) = delete;
    interrupt_flag& operator=(const interrupt_flag&) = delete;
    ~interrupt_flag();

    [[nodiscard]] static bool is_set() noexcept;  // any thread

 private:
    struct sigaction before_{};
};

}  // namespace wordcrunch
