// SPDX-License-Identifier: BSL-1.0
#pragma once

namespace covey::detail {

class runtime_core;

// While it lives, the process's watchdog watches the run, if there was one when it began. Its
// destructor waits for a report that is being made.
class watched_run {
 public:
    explicit watched_run(runtime_core& core);
    watched_run(const watched_run&) = delete;
    watched_run& operator=(const watched_run&) = delete;
    ~watched_run();

 private:
    runtime_core* core_ = nullptr;  // null: nobody watches
};

}  // namespace covey::detail
