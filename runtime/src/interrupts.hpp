// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <covey/fwd.hpp>
#include <covey/lowlevel/intrusive_list.hpp>

namespace covey::detail {

// While it lives, SIGINT and SIGTERM cancel the scope, with source interrupt; as far as their
// disposition was the default one when the first watch of the process began. Throws
// std::system_error when there is no thread to be had. Any thread.
class interrupt_watch : public lowlevel::list_hook {
 public:
    explicit interrupt_watch(cancel_scope& scope);
    interrupt_watch(const interrupt_watch&) = delete;
    interrupt_watch& operator=(const interrupt_watch&) = delete;
    ~interrupt_watch();

    [[nodiscard]] cancel_scope& scope() const noexcept { return scope_; }

 private:
    cancel_scope& scope_;
};

// The signal that has cancelled scopes last; 0: none.
[[nodiscard]] int last_interrupt() noexcept;

}  // namespace covey::detail
