// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <covey/cancel_scope.hpp>
#include <covey/detail/child.hpp>
#include <covey/detail/settle.hpp>
#include <covey/error.hpp>
#include <covey/join_handle.hpp>
#include <covey/task_status.hpp>

#include <concepts>
#include <exception>
#include <string_view>
#include <utility>

namespace covey {

namespace detail {
class children_wait;
class start_reservation;
template <class T, class F, class... A>
task<T> start_child(nursery& target, F&& fn, A&&... args);
}  // namespace detail

// How a child is started.
struct task_options {
    std::string_view name =
        {};  // shown in errors and in the task tree; copied. Default: the function's
};

// The owner of child tasks, opened by with_nursery: the block ends when its body and every child
// has ended. If one fails, the rest is cancelled and joined, and one exception_group with every
// error comes out of the block. Valid inside its block only (afterwards: undefined, keep a
// handle()). Threads: any task may start children, on any worker. Rules: N1-N62.
class nursery {
 public:
    nursery(const nursery&) = delete;
    nursery& operator=(const nursery&) = delete;

    // Starts fn(args...) as a child: a coroutine function giving task<void>, or a plain function.
    // Callable and arguments are copied or moved into the child as std::thread does, and live until
    // it ends. Never runs the child before the caller's next suspension; not a checkpoint. In a
    // cancelled nursery the child runs up to its first checkpoint. Throws closed_nursery_error
    // after the nursery has ended; std::bad_alloc, with no child started. Cost: one allocation,
    // and one for the coroutine's frame.
    template <class F, class... A>
        requires(!std::same_as<std::remove_cvref_t<F>, task_options>)
    void start_soon(F&& fn, A&&... args) {
        start_soon(task_options{}, std::forward<F>(fn), std::forward<A>(args)...);
    }
    template <class F, class... A>
    void start_soon(task_options options, F&& fn, A&&... args) {
        detail::check_plain_child<F, A...>();
        using child = detail::plain_child<std::decay_t<F>, std::decay_t<A>...>;
        spawn_child(*new child(options.name, std::forward<F>(fn), std::forward<A>(args)...));
    }

    // The same, with a handle to the result. The child's error goes to the nursery only.
    template <class F, class... A>
        requires(!std::same_as<std::remove_cvref_t<F>, task_options>)
    auto spawn(F&& fn, A&&... args) {
        return spawn(task_options{}, std::forward<F>(fn), std::forward<A>(args)...);
    }
    template <class F, class... A>
    auto spawn(task_options options, F&& fn, A&&... args) {
        detail::check_child<F, A...>();
        using result = detail::child_result<F, A...>;
        using child = detail::result_child<result, std::decay_t<F>, std::decay_t<A>...>;
        auto* started = new child(options.name, std::forward<F>(fn), std::forward<A>(args)...);
        join_handle<result> handle(*started);
        spawn_child(*started);
        return handle;
    }

    // Runs fn(task_status<T>, args...) and waits until it calls started(value), which is given
    // back; the child goes on in this nursery. What fails before comes out here, as it is; a child
    // that returns without started() is a std::logic_error. A checkpoint; its cancellation
    // cancels the child, and nothing else. T is deduced from fn's first parameter unless fn is
    // generic. (N40-N52)
    template <class T = detail::deduced, class F, class... A>
    auto start(F&& fn, A&&... args) {
        using value = detail::status_type<T, std::decay_t<F>>;
        return detail::start_child<value>(*this, std::forward<F>(fn), std::forward<A>(args)...);
    }

    // Starts a child that does not keep the nursery open: when body and children are done,
    // services are cancelled one by one in reverse order of start, each joined.
    template <class F, class... A>
        requires(!std::same_as<std::remove_cvref_t<F>, task_options>)
    void start_service(F&& fn, A&&... args) {
        start_service(task_options{}, std::forward<F>(fn), std::forward<A>(args)...);
    }
    template <class F, class... A>
    void start_service(task_options options, F&& fn, A&&... args) {
        detail::check_plain_child<F, A...>();
        using child = detail::scoped_child<std::decay_t<F>, std::decay_t<A>...>;
        spawn_service(*new child(options.name, std::forward<F>(fn), std::forward<A>(args)...));
    }

    // Cancelled as any scope: body and children, but not what is outside.
    [[nodiscard]] cancel_scope& scope() noexcept { return scope_; }
    void cancel(std::string_view reason = {}) noexcept { scope_.cancel(reason); }

    // Copyable, for any thread, may outlive the block: starting then throws closed_nursery_error.
    [[nodiscard]] nursery_handle handle();

 private:
    friend class detail::nursery_block;
    friend class detail::children_wait;
    friend class detail::start_reservation;
    friend class detail::hall_exit;
    friend class detail::host;
    friend class detail::scope_tree;
    friend class detail::tree_printer;
    friend class nursery_handle;

    nursery() noexcept = default;
    ~nursery();

    [[nodiscard]] bool try_spawn(detail::task_record& child) noexcept;
    void spawn_child(detail::task_record& child);
    void spawn_service(detail::task_record& child);

    cancel_scope scope_;  // its members say under which lock

    // Counted; made for the first handle, by whoever is first.
    lowlevel::atomic<detail::nursery_control*> control_{nullptr};

    // Guards what follows, and with the whole tree lock the flags of scope_. After the tree lock;
    // a child that starts or ends takes no other.
    lowlevel::spin_lock lock_;
    detail::sibling_list children_;
    detail::sibling_list services_;
    detail::sibling_list failed_;              // ended with an error, in the order of ending
    detail::task_record* stopping_ = nullptr;  // the service that the block waits for
    std::size_t pending_starts_ = 0;           // start() calls that hold the nursery open
    lowlevel::wait_node* joiner_ = nullptr;    // the block, when it waits for the children
    bool open_ = false;  // written by the block, or for it while it waits: it reads it without lock
    bool child_stopped_ = false;  // a cancellation that came through this scope
};

// A nursery for whoever doesn't live inside it: copyable, any thread, may outlive the block. After
// its end, start_soon and spawn throw closed_nursery_error and cancel does nothing.
class nursery_handle {
 public:
    nursery_handle(const nursery_handle& other) noexcept;
    nursery_handle& operator=(nursery_handle other) noexcept {
        std::swap(control_, other.control_);
        return *this;
    }
    ~nursery_handle();

    template <class F, class... A>
        requires(!std::same_as<std::remove_cvref_t<F>, task_options>)
    void start_soon(F&& fn, A&&... args) const {
        start_soon(task_options{}, std::forward<F>(fn), std::forward<A>(args)...);
    }
    template <class F, class... A>
    void start_soon(task_options options, F&& fn, A&&... args) const {
        detail::check_plain_child<F, A...>();
        using child = detail::plain_child<std::decay_t<F>, std::decay_t<A>...>;
        spawn_child(*new child(options.name, std::forward<F>(fn), std::forward<A>(args)...));
    }
    template <class F, class... A>
        requires(!std::same_as<std::remove_cvref_t<F>, task_options>)
    auto spawn(F&& fn, A&&... args) const {
        return spawn(task_options{}, std::forward<F>(fn), std::forward<A>(args)...);
    }
    template <class F, class... A>
    auto spawn(task_options options, F&& fn, A&&... args) const {
        detail::check_child<F, A...>();
        using result = detail::child_result<F, A...>;
        using child = detail::result_child<result, std::decay_t<F>, std::decay_t<A>...>;
        auto* started = new child(options.name, std::forward<F>(fn), std::forward<A>(args)...);
        join_handle<result> handle(*started);
        spawn_child(*started);
        return handle;
    }
    void cancel(std::string_view reason = {}) const noexcept;

 private:
    friend class nursery;
    explicit nursery_handle(detail::nursery_control* counted) noexcept : control_(counted) {}
    void spawn_child(detail::task_record& child) const;

    detail::nursery_control* control_;
};

// Opens a nursery, runs body(nursery&) in the calling task, and ends when body and children have
// ended; gives the body's value. Body: a coroutine function giving task<R>, or a plain function
// giving R. Errors: one exception_group with every error, always. If the block's own cancel()
// stopped the body: R void returns, any other throws cancelled_error; a body that had finished
// keeps its value. Outer cancellation passes through. Not a checkpoint on entry; waits without
// being cancelled itself on exit (its children are). Rules: N4-N30.
template <class F>
auto with_nursery(F&& body);

}  // namespace covey

#include <covey/detail/with_nursery.hpp>
