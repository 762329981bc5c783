// SPDX-License-Identifier: BSL-1.0
#pragma once

// How an actor comes to be: what its class brings, and how a nursery starts it.

#include <covey/detail/actor_cell.hpp>
#include <covey/timeout.hpp>

#include <tuple>
#include <type_traits>
#include <utility>

namespace covey::detail {

// Makes the actor of an incarnation.
class actor_factory : public counted_object {
 public:
    // Throws what the constructor throws.
    [[nodiscard]] virtual actor* make() = 0;
};

// From arguments that are moved: for an actor that is never restarted.
template <class A, class... T>
class single_actor_factory final : public actor_factory {
 public:
    template <class... U>
    explicit single_actor_factory(U&&... arguments) : arguments_(std::forward<U>(arguments)...) {}

    actor* make() override {
        return std::apply([](T&... each) -> actor* { return new A(std::move(each)...); },
                          arguments_);
    }

 private:
    std::tuple<T...> arguments_;
};

// The life of an actor that a nursery owns, up to ready; gives up when that fails.
[[nodiscard]] task<> start_in_nursery(nursery& owner, cell_ref cell,
                                      counted_ref<actor_factory> factory);

class incarnation;  // one run of an actor

}  // namespace covey::detail
