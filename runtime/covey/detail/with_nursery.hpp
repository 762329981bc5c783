// SPDX-License-Identifier: BSL-1.0
#pragma once

// The coroutines behind with_nursery and nursery::start. Included by nursery.hpp.

#include <covey/nursery.hpp>

namespace covey {

namespace detail {

// Waits, uncancelled, until the children of a nursery are done.
class [[nodiscard]] children_wait final : public lowlevel::wait_operation {
 public:
    using covey_result = void;
    explicit children_wait(nursery& joined) noexcept;
    [[nodiscard]] bool await_ready();
    void await_resume() const noexcept {}

 private:
    friend class lowlevel::wait_operation;
    [[nodiscard]] const lowlevel::wait_traits& traits() const noexcept override;
    void lock() noexcept override;
    void unlock() noexcept override;
    bool try_now() override;
    void link() noexcept override;
    void unlink() noexcept override;

    nursery* nursery_;
};

// How a nursery's block ends.
struct block_ending {
    std::exception_ptr errors;  // the group, if anything failed
    bool pass_on = false;       // a cancellation from outside goes on
};

// A nursery and the steps of its block: open, body, children, services one by one, close.
class nursery_block {
 public:
    nursery_block() noexcept = default;
    nursery_block(const nursery_block&) = delete;
    nursery_block& operator=(const nursery_block&) = delete;
    ~nursery_block();

    [[nodiscard]] nursery& get() noexcept { return nursery_; }

    // `note`: what the block is, when it is more than a nursery; outlives it.
    void open(const lowlevel::scope_note* note = nullptr);
    void spawn(task_record& child) { nursery_.spawn_child(child); }
    void body_failed(const std::exception_ptr& error) noexcept;
    [[nodiscard]] children_wait join() noexcept { return children_wait(nursery_); }
    // Children are done: cancels the service started last and returns true, or false when none is
    // left and the nursery is closed.
    [[nodiscard]] bool stop_a_service() noexcept;
    // Leaves the scope; the errors in the order in which they came.
    [[nodiscard]] block_ending leave(bool body_stopped) noexcept;
    // The single error of a start() whose child failed before it was ready, or null.
    [[nodiscard]] std::exception_ptr take_only_error() noexcept;
    [[nodiscard]] cancel_cause cause() const { return nursery_.scope_.cause(); }

    // For the ends of children, whose nursery this may be.
    static void child_ended(task_record& task) noexcept;
    static void ended_badly(task_record& task) noexcept;
    static void fail_for(task_record& task) noexcept;
    // Under the nursery's lock. Whether nothing is left that the block waits for: then it goes on
    // to stop a service or, if there is none, has ended, and this has closed the nursery.
    [[nodiscard]] static bool settle_locked(nursery& joined) noexcept;
    [[nodiscard]] static lowlevel::wait_node* take_joiner_locked(nursery& joined) noexcept;

 private:
    [[nodiscard]] static bool is_joined_locked(const nursery& joined) noexcept;
    [[nodiscard]] static lowlevel::wait_node* take_out(task_record& task) noexcept;
    [[nodiscard]] task_record* choose_service() noexcept;
    [[nodiscard]] std::size_t count_failed() noexcept;
    [[nodiscard]] std::exception_ptr group_of_errors() noexcept;

    nursery nursery_;
    std::exception_ptr body_error_;
    std::size_t failed_before_body_ = 0;
};

[[noreturn]] void throw_body_cancelled(cancel_cause cause);

template <class F, class R = body_result<F, nursery>>
task<R> run_nursery(F body) {
    co_await stands_for_its_caller();
    nursery_block block;
    block.open();
    settled<R> result;
    co_await settle_body(result, body, block.get());
    if (result.error) block.body_failed(result.error);
    do {
        co_await block.join();
    } while (block.stop_a_service());

    const block_ending ending = block.leave(result.stopped);
    if (ending.errors) std::rethrow_exception(ending.errors);
    if (ending.pass_on) co_await pass_stop_on();
    if constexpr (!std::is_void_v<R>) {
        if (!result.value) throw_body_cancelled(block.cause());
        co_return result.take();
    }
}

// Keeps a nursery open while a start() is pending; throws closed_nursery_error.
class start_reservation {
 public:
    explicit start_reservation(nursery& target);
    start_reservation(const start_reservation&) = delete;
    start_reservation& operator=(const start_reservation&) = delete;
    ~start_reservation();

 private:
    nursery& target_;
};

// The child lives in a nursery of its own at the caller, the hall, until it says that it started;
// then it moves into the target with all its descendants.
template <class T, class F, class... A>
task<T> run_start(nursery& target, F fn, A... args) {
    co_await stands_for_its_caller();
    const start_reservation hold(target);
    nursery_block hall;
    auto* hall_slot = new hall_start_slot<T>();
    const start_slot_ref<T> slot(hall_slot);
    hall_exit& exit = hall_slot->exit;
    using child_type = plain_child<F, task_status<T>, A...>;
    auto* child = new child_type({}, std::move(fn), task_status<T>(slot), std::move(args)...);
    exit.prepare(target, *child);
    hall.open();
    hall.spawn(*child);
    do {
        co_await hall.join();
    } while (hall.stop_a_service());

    exit.retire();
    const std::exception_ptr error = hall.take_only_error();
    const block_ending ending = hall.leave(false);
    if (error) std::rethrow_exception(error);
    if (ending.pass_on) co_await pass_stop_on();
    if (!exit.was_opened()) exit.throw_not_started();
    if constexpr (!std::is_void_v<T>) co_return std::move(*slot->value);
}

template <class T, class F, class... A>
task<T> start_child(nursery& target, F&& fn, A&&... args) {
    static_assert(std::is_invocable_v<std::decay_t<F>&, task_status<T>, std::decay_t<A>...>,
                  "covey: nursery.start(fn, args...) calls fn(task_status<T>, args...)");
    if constexpr (check_child<F, task_status<T>, A...>()) {
        using returned = std::invoke_result_t<std::decay_t<F>&, task_status<T>, std::decay_t<A>...>;
        static_assert(!is_task<returned> || std::is_same_v<returned, task<void>>,
                      "covey: a child of nursery.start() gives its value to started(); what it "
                      "returns would be lost: return covey::task<>");
    }
    return run_start<T, std::decay_t<F>, std::decay_t<A>...>(target, std::forward<F>(fn),
                                                             std::forward<A>(args)...);
}

template <class F>
constexpr void check_nursery_body() {
    static_assert(std::is_invocable_v<F&, nursery&>,
                  "covey: with_nursery takes a body with one parameter, the nursery by reference: "
                  "[&](covey::nursery& nursery) -> covey::task<> { ... }");
    if constexpr (std::is_invocable_v<F&, nursery&>) {
        using returned = std::invoke_result_t<F&, nursery&>;
        static_assert(!awaitable<returned> || is_task<returned>,
                      "covey: the body of with_nursery returns an awaitable that nobody awaits: "
                      "make it a coroutine, `-> covey::task<> { co_await ...; }`");
    }
}

}  // namespace detail

template <class F>
auto with_nursery(F&& body) {
    detail::check_nursery_body<std::decay_t<F>>();
    return detail::run_nursery<std::decay_t<F>>(std::forward<F>(body));
}

}  // namespace covey
