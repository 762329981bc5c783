// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <covey/actor_ref.hpp>

#include <optional>
#include <string_view>

namespace covey {

namespace detail {

void register_cell(std::string_view name, const cell_ref& cell);
// The cell of that name, if it has one. Throws std::invalid_argument for another class.
[[nodiscard]] cell_ref find_registered(std::string_view name, const actor_type& wanted);

}  // namespace detail

// Names for actors, one table for the process. Threads: any. An actor may have several names; they
// are free again when it has ended for good, restarts don't matter.

// Gives the actor a name. Throws std::invalid_argument naming the holder when it is taken (also by
// this actor), actor_stopped_error when the actor has ended. The name is copied.
template <class A>
void register_name(std::string_view name, const actor_ref<A>& ref) {
    detail::register_cell(name, detail::ref_access::cell_of(ref, "register_name"));
}

// The actor of that name; nullopt: nobody has it. Throws std::invalid_argument when it belongs to
// an actor of another class, and says of which.
template <class A>
[[nodiscard]] std::optional<actor_ref<A>> where_is(std::string_view name) {
    detail::cell_ref cell = detail::find_registered(name, detail::actor_type_of<A>);
    if (!cell) return std::nullopt;
    return detail::ref_access::make<actor_ref<A>>(std::move(cell));
}

// Frees the name. False: nobody had it.
bool unregister(std::string_view name) noexcept;

}  // namespace covey
