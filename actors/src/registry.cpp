// SPDX-License-Identifier: BSL-1.0
//
// What       The names of the process's actors.
// Invariants A name in the table belongs to an actor that has not ended: the end of an actor takes
//            the same lock to free its names, and registering looks for the end under it.
// Threads    Everything under one mutex. It is held while a cell's lock is taken, not the other
// way.

#include <covey/registry.hpp>

#include "actor_cell.hpp"

#include <covey/lowlevel/thread.hpp>

#include <fmt/format.h>

#include <functional>
#include <map>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace covey {

using lowlevel::mutex_guard;

namespace detail {

namespace {

struct name_table {
    lowlevel::mutex lock;
    std::map<std::string, cell_ref, std::less<>> names;  // guarded by lock
};

name_table& table() noexcept {
    static auto* const one = new name_table();
    return *one;
}

}  // namespace

void register_cell(std::string_view name, const cell_ref& cell) {
    name_table& names = table();
    const mutex_guard held(names.lock);
    if (cell->is_stopping()) cell->throw_stopped();
    const auto [place, is_new] = names.names.try_emplace(std::string(name), cell);
    if (!is_new) {
        throw std::invalid_argument(
            fmt::format("register_name: '{}' is the name of actor '{}' already; unregister it "
                        "first, or choose another name for '{}'",
                        name, place->second->name(), cell->name()));
    }
    cell->is_registered = true;
}

cell_ref find_registered(std::string_view name, const actor_type& wanted) {
    name_table& names = table();
    const mutex_guard held(names.lock);
    const auto found = names.names.find(name);
    if (found == names.names.end()) return cell_ref();
    const actor_type& type = found->second->type();
    if (type.tag != wanted.tag) {
        throw std::invalid_argument(fmt::format(
            "where_is: '{}' is the name of actor '{}', whose class is {}, not {}", name,
            found->second->name(), readable_type(type.name()), readable_type(wanted.name())));
    }
    return found->second;
}

void free_names(actor_cell& cell) noexcept {
    std::map<std::string, cell_ref, std::less<>> freed;  // destroyed without the lock
    name_table& names = table();
    const mutex_guard held(names.lock);
    if (!cell.is_registered) return;
    for (auto each = names.names.begin(); each != names.names.end();) {
        const auto here = each++;
        if (&*here->second == &cell) freed.insert(names.names.extract(here));
    }
    cell.is_registered = false;
}

}  // namespace detail

bool unregister(std::string_view name) noexcept {
    detail::cell_ref freed;
    detail::name_table& names = detail::table();
    const mutex_guard held(names.lock);
    const auto found = names.names.find(name);
    if (found == names.names.end()) return false;
    freed = found->second;
    names.names.erase(found);
    return true;
}

}  // namespace covey
