// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <covey/detail/child.hpp>

#include <string>
#include <utility>

namespace covey {

namespace detail {

// What a task_status tells: whether started() was called, and who has to know. Counted, because a
// status may outlive its child.
class start_slot_base {
 public:
    void add_reference() noexcept { references_.fetch_add(1, lowlevel::order::relaxed); }
    void drop_reference() noexcept {
        if (references_.fetch_sub(1, lowlevel::order::acq_rel) == 1) delete this;
    }

    // started(): throws std::logic_error the second time.
    void claim();
    // The value is there.
    virtual void publish() noexcept = 0;

 protected:
    start_slot_base() noexcept = default;
    virtual ~start_slot_base() = default;
    [[nodiscard]] virtual std::string child_name() const = 0;

 private:
    lowlevel::atomic<std::uint32_t> references_{1};
    lowlevel::atomic<bool> claimed_{false};
};

template <class T>
class start_slot : public start_slot_base {
 public:
    std::optional<stored<T>> value;
};

// For nursery::start(): where the child goes when it has started. Under the whole tree lock.
class hall_exit {
 public:
    hall_exit() noexcept = default;
    hall_exit(const hall_exit&) = delete;
    hall_exit& operator=(const hall_exit&) = delete;
    ~hall_exit();

    // Before the child runs: who is to move where.
    void prepare(nursery& target, task_record& child) noexcept;
    // Moves the child into its nursery, unless start() has been cancelled.
    void open() noexcept;
    // start() is over: a status that somebody has kept does nothing from now on.
    void retire() noexcept;

    [[nodiscard]] bool was_opened() const noexcept { return opened_; }
    [[nodiscard]] std::string child_name() const;
    [[noreturn]] void throw_not_started() const;

 private:
    nursery* target_ = nullptr;
    task_record* child_ = nullptr;  // counted
    lowlevel::spin_lock lock_;  // before the tree lock; keeps start() waiting while one publishes
    bool is_over_ = false;      // guarded by lock_
    bool opened_ = false;
};

template <class T>
class hall_start_slot final : public start_slot<T> {
 public:
    hall_exit exit;

    void publish() noexcept override { exit.open(); }

 private:
    [[nodiscard]] std::string child_name() const override { return exit.child_name(); }
};

// Counts a slot.
template <class T>
class start_slot_ref {
 public:
    explicit start_slot_ref(start_slot<T>* counted) noexcept : slot_(counted) {}
    start_slot_ref(const start_slot_ref& other) noexcept : slot_(other.slot_) {
        if (slot_ != nullptr) slot_->add_reference();
    }
    start_slot_ref& operator=(start_slot_ref other) noexcept {
        std::swap(slot_, other.slot_);
        return *this;
    }
    ~start_slot_ref() {
        if (slot_ != nullptr) slot_->drop_reference();
    }
    start_slot<T>* operator->() const noexcept { return slot_; }
    explicit operator bool() const noexcept { return slot_ != nullptr; }

 private:
    start_slot<T>* slot_;
};

template <class T>
class task_status_base {
 public:
    // For calling the function directly: started() does nothing.
    [[nodiscard]] static task_status<T> ignored() {
        return task_status<T>(start_slot_ref<T>(nullptr));
    }

 protected:
    explicit task_status_base(start_slot_ref<T> slot) noexcept : slot_(std::move(slot)) {}

    template <class... V>
    void announce(V&&... value) const {
        if (!slot_) return;
        slot_->claim();
        slot_->value.emplace(std::forward<V>(value)...);
        slot_->publish();
    }

 private:
    start_slot_ref<T> slot_;
};

}  // namespace detail

// How a child started by nursery::start() says that it is ready: started(value) ends the caller's
// start() with that value, and the child goes on in the nursery. Calling it twice throws
// std::logic_error. If start() has been cancelled by then, the child stays with it. Not a
// checkpoint. Copyable; any task of the run may call it. (N40-N51)
template <class T>
class task_status : public detail::task_status_base<T> {
 public:
    void started(T value) const { this->announce(std::move(value)); }

    explicit task_status(detail::start_slot_ref<T> slot) noexcept
        : detail::task_status_base<T>(std::move(slot)) {}
};

template <>
class task_status<void> : public detail::task_status_base<void> {
 public:
    void started() const { announce(); }

    explicit task_status(detail::start_slot_ref<void> slot) noexcept
        : detail::task_status_base<void>(std::move(slot)) {}
};

namespace detail {

// The T of a function's first parameter task_status<T>, or the one given.
struct deduced {};

// Without a parameter, or with overloads or templates to choose from: none.
template <class F>
struct first_parameter {
    using type = void;
};
template <class R, class P, class... A>
struct first_parameter<R (*)(P, A...)> {
    using type = std::remove_cvref_t<P>;
};
template <class R, class P, class... A>
struct first_parameter<R (*)(P, A...) noexcept> : first_parameter<R (*)(P, A...)> {};
template <class R, class C, class P, class... A>
struct first_parameter<R (C::*)(P, A...)> : first_parameter<R (*)(P, A...)> {};
template <class R, class C, class P, class... A>
struct first_parameter<R (C::*)(P, A...) const> : first_parameter<R (*)(P, A...)> {};
template <class R, class C, class P, class... A>
struct first_parameter<R (C::*)(P, A...) noexcept> : first_parameter<R (*)(P, A...)> {};
template <class R, class C, class P, class... A>
struct first_parameter<R (C::*)(P, A...) const noexcept> : first_parameter<R (*)(P, A...)> {};
template <class F>
    requires requires { &F::operator(); }
struct first_parameter<F> : first_parameter<decltype(&F::operator())> {};

template <class P>
struct status_value {
    static_assert(!std::is_same_v<P, P>,
                  "covey: the function given to nursery.start() takes a covey::task_status<T> "
                  "first, and calls started() on it; if it is generic, name T: start<T>(fn)");
    using type = void;
};
template <class T>
struct status_value<task_status<T>> {
    using type = T;
};

template <class T, class F>
struct status_type_of {
    using type = T;
};
template <class F>
struct status_type_of<deduced, F> : status_value<typename first_parameter<F>::type> {};

template <class T, class F>
using status_type = typename status_type_of<T, F>::type;

}  // namespace detail

}  // namespace covey
