// SPDX-License-Identifier: BSL-1.0
#pragma once

// How an actor comes to be: what its class brings, and how a nursery starts it.

#include <covey/detail/actor_cell.hpp>
#include <covey/nursery.hpp>
#include <covey/task_status.hpp>

#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>

namespace covey::detail {

// Makes the actor of an incarnation.
class actor_factory {
 public:
    // Throws what the constructor throws.
    [[nodiscard]] virtual actor* make() = 0;

 protected:
    ~actor_factory() = default;
};

// From arguments that are moved, and gone with that: for an actor that is never restarted.
template <class A, class... T>
class single_actor_factory final : public actor_factory {
 public:
    template <class... U>
    explicit single_actor_factory(std::in_place_t, U&&... arguments)
        : arguments_(std::in_place, std::forward<U>(arguments)...) {}

    actor* make() override {
        struct release {
            std::optional<std::tuple<T...>>& arguments;
            ~release() { arguments.reset(); }
        } const released{arguments_};
        return std::apply([](T&... each) -> actor* { return new A(std::move(each)...); },
                          *arguments_);
    }

 private:
    std::optional<std::tuple<T...>> arguments_;
};

// An actor on its way into a nursery, as a child by nursery::start() is: in a hall of its starter's
// until it is ready. The factory is used before join() is over.
class nursery_start {
 public:
    // Throws closed_nursery_error, std::bad_alloc; then the cell has ended.
    nursery_start(nursery& owner, const cell_ref& cell, actor_factory& factory);

    // Until false.
    [[nodiscard]] children_wait join() noexcept { return hall_.join(); }
    [[nodiscard]] bool stop_a_service() noexcept { return hall_.stop_a_service(); }
    // Throws why the actor isn't ready. True: the start was cancelled, which goes on outwards.
    [[nodiscard]] bool leave();

 private:
    // Where the child could not even be made, nobody else ends the cell.
    struct cell_guard {
        actor_cell& cell;
        ~cell_guard();
    };

    cell_guard guard_;
    start_reservation hold_;
    nursery_block hall_;
    hall_exit exit_;
};

class incarnation;  // one run of an actor

}  // namespace covey::detail
