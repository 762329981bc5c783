// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <covey/detail/settle.hpp>
#include <covey/outcome.hpp>

#include <exception>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace covey {

namespace detail {
struct group_headline;
}  // namespace detail

// Several errors as one, as a tree: what comes out of a nursery, even for a single error. The
// errors stand in the order in which they came; a group among them stays nested.
// Copying is cheap (the errors are shared) and never throws. Threads: as any const object.
class exception_group : public std::exception {
 public:
    // Throws std::invalid_argument when there is no error, or a null one.
    exception_group(std::string_view what, std::vector<std::exception_ptr> errors);
    exception_group(const exception_group& other) noexcept;
    exception_group& operator=(const exception_group& other) noexcept;
    ~exception_group() override;

    [[nodiscard]] std::span<const std::exception_ptr> exceptions() const noexcept;

    // The whole tree, a line for each error.
    [[nodiscard]] const char* what() const noexcept override;

    // The first error of type E anywhere in the tree, or null. Valid while the group lives. A group
    // in the tree counts only where E is a group itself; the whole is found where E is a special
    // kind of group.
    template <class E>
    [[nodiscard]] const E* find() const noexcept;

    // Calls handler(const E&) for every error of type E in the tree, in order.
    template <class E, class F>
    void for_each(F handler) const;

    // The tree cut in two: a group of the errors of type E, and one of the rest, each with its
    // nesting; null where there are none.
    template <class E>
    [[nodiscard]] std::pair<std::exception_ptr, std::exception_ptr> split() const;

    // The error itself, when the tree has a single leaf; else null.
    [[nodiscard]] std::exception_ptr only() const noexcept;

 private:
    friend struct detail::group_headline;

    using predicate = bool (*)(const std::exception_ptr&);
    using visitor = bool (*)(void* context, const std::exception_ptr&);

    // Calls the visitor for every error and nested group in order, until it returns true.
    bool visit(visitor visit_one, void* context) const;
    [[nodiscard]] std::pair<std::exception_ptr, std::exception_ptr> split_by(predicate test) const;

    struct state;
    state* state_;  // counted: shared by the copies
};

namespace detail {

// The error, if it is an E.
template <class E>
const E* error_as(const std::exception_ptr& error) noexcept {
    try {
        std::rethrow_exception(error);
    } catch (const E& match) {
        return &match;
    } catch (...) {
        return nullptr;
    }
}

// The same for an error inside a group: a nested group is an error only to who asks for groups.
template <class E>
const E* error_in_tree(const std::exception_ptr& error) noexcept {
    if constexpr (!std::is_base_of_v<exception_group, E>) {
        if (error_as<exception_group>(error) != nullptr) return nullptr;
    }
    return error_as<E>(error);
}

}  // namespace detail

template <class E>
const E* exception_group::find() const noexcept {
    if constexpr (std::is_base_of_v<exception_group, E> && !std::is_same_v<exception_group, E>) {
        if (const auto* self = dynamic_cast<const E*>(this)) return self;
    }
    const E* found = nullptr;
    visit(
        [](void* context, const std::exception_ptr& error) {
            const E* match = detail::error_in_tree<E>(error);
            *static_cast<const E**>(context) = match;
            return match != nullptr;
        },
        &found);
    return found;
}

template <class E, class F>
void exception_group::for_each(F handler) const {
    visit(
        [](void* context, const std::exception_ptr& error) {
            if (const E* match = detail::error_in_tree<E>(error))
                (*static_cast<F*>(context))(*match);
            return false;
        },
        &handler);
}

template <class E>
std::pair<std::exception_ptr, std::exception_ptr> exception_group::split() const {
    return split_by(
        [](const std::exception_ptr& error) { return detail::error_as<E>(error) != nullptr; });
}

namespace detail {

// The leaf of a group that has just one; else the error as it is.
[[nodiscard]] std::exception_ptr collapsed(const std::exception_ptr& error) noexcept;

template <class F, class R = body_result<F>>
task<R> run_collapsed(F body) {
    co_await stands_for_its_caller();
    settled<R> result;
    co_await settle_body(result, body);
    if (result.stopped) co_await pass_stop_on();
    if (result.error) std::rethrow_exception(collapsed(result.error));
    if constexpr (!std::is_void_v<R>) co_return result.take();
}

}  // namespace detail

// Runs body; a group with a single leaf comes out as that leaf, so that a nursery inside a function
// stays its own business.
template <class F>
auto collapse_group(F&& body) {
    return detail::run_collapsed<std::decay_t<F>>(std::forward<F>(body));
}

}  // namespace covey
