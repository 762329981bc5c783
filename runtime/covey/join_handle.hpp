// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <covey/detail/child.hpp>

#include <string_view>

namespace covey {

namespace detail {
template <class T>
class result_base;
}  // namespace detail

// The result of a child started by spawn(). May outlive the nursery, and need not be kept: the
// child goes on without it. Threads: members may be called from any thread; one handle is
// destroyed or moved by one.
template <class T>
class join_handle {
 public:
    using covey_result = T;
    class operation;

    join_handle(join_handle&& other) noexcept : child_(std::exchange(other.child_, nullptr)) {}
    join_handle& operator=(join_handle&& other) noexcept {
        join_handle taken(std::move(other));
        std::swap(child_, taken.child_);
        return *this;
    }
    ~join_handle() {
        if (child_ != nullptr) child_->drop_reference();
    }

    // Waits until the child has ended and takes its value: a second time, std::logic_error (a void
    // result may be awaited again). A child that failed or was stopped gives cancelled_error here;
    // its error goes to the nursery. A checkpoint; cancellation leaves the child alone.
    [[nodiscard]] operation operator co_await() const&;
    [[nodiscard]] operation operator co_await() &&;

    // Whether the child has ended, and everything of it is gone.
    [[nodiscard]] bool done() const noexcept { return child_ == nullptr || child_->is_settled(); }

    // Stops this child only. It then counts as ended normally for its nursery.
    void cancel(std::string_view reason = {}) const noexcept {
        if (child_ != nullptr) child_->cancel_alone(reason);
    }

 private:
    friend class nursery;
    friend class nursery_handle;

    using state = detail::result_base<T>;
    // Of a child that is only being made.
    explicit join_handle(state& child) noexcept : child_(&child) { child.begin_with_reference(); }

    state* child_;
};

namespace detail {

// Ending: it isn't cancelled alone any more. What comes after that is settled.
enum class child_end : std::uint8_t { running, ending, returned, failed, stopped, taken };

// A child with a handle: it can be cancelled alone, and waited for.
class joinable_base : public scoped_base {
 public:
    void keep_blame() noexcept final;
    void announce() noexcept override;
    [[nodiscard]] bool is_settled() const noexcept;
    void cancel_alone(std::string_view reason) noexcept;
    // What stopped it. Once it has ended; empty if it returned.
    [[nodiscard]] cancel_cause blame() const;

    class wait;

 protected:
    explicit joinable_base(std::string_view name) : scoped_base(name) { is_joinable = true; }
    ~joinable_base() override { delete blame_; }

    // Before the tree lock: while a handle cancels the child, its end isn't announced.
    lowlevel::spin_lock mutable settle_lock_;
    child_end end_ = child_end::running;  // guarded by settle_lock_, like the value below

 private:
    [[nodiscard]] bool settle(lowlevel::wake_list& woken) noexcept;

    // Written before the end is announced, constant from then on.
    cancel_source blamed_ = cancel_source::none;
    cancel_cause* blame_ = nullptr;  // owned texts; null: there are none, or no memory was

    lowlevel::wait_list waiting_;  // guarded by settle_lock_
};

// Waits for the end of one child.
class joinable_base::wait : public lowlevel::wait_operation {
 public:
    [[nodiscard]] bool await_ready();
    void tell(lowlevel::wait_report& report) const final;

 protected:
    // Null: throws. Takes over the reference of a handle that gives it away.
    enum class reference : bool { added, taken };
    explicit wait(joinable_base* child, reference how = reference::added);
    wait(wait&& other) noexcept;
    ~wait() override;
    lowlevel::spin_lock& settle_lock() const noexcept { return child_->settle_lock_; }
    // Holding the child's lock: throws unless the child returned a value that is still there.
    void check_returned() const;

    joinable_base* child_;  // counted

 private:
    friend class lowlevel::wait_operation;
    [[nodiscard]] const lowlevel::wait_traits& traits() const noexcept final;
    void lock() noexcept final;
    void unlock() noexcept final;
    bool try_now() final;
    void link() noexcept final;
    void unlink() noexcept final;
};

template <class T>
class result_base : public joinable_base {
    static_assert(!std::is_reference_v<T>,
                  "covey: a child's result can't be a reference: return a value or a pointer");

 public:
    void set_value(T&& value) { value_.emplace(std::move(value)); }

    T take() {
        if (end_ == child_end::returned) end_ = child_end::taken;
        return std::move(*value_);
    }

 protected:
    using joinable_base::joinable_base;

 private:
    std::optional<T> value_;  // written before the end is announced
};

template <>
class result_base<void> : public joinable_base {
 public:
    void take() const noexcept {}

 protected:
    using joinable_base::joinable_base;
};

template <class T, class F, class... A>
using result_child = callable_child<result_base<T>, F, A...>;

}  // namespace detail

// The awaitable of a join_handle.
template <class T>
class [[nodiscard]] join_handle<T>::operation final : public detail::joinable_base::wait {
 public:
    using covey_result = T;

    T await_resume() {
        const lowlevel::locked held(settle_lock());
        check_returned();
        return static_cast<state*>(child_)->take();
    }

 private:
    friend class join_handle;
    using wait::wait;
};

template <class T>
auto join_handle<T>::operator co_await() const& -> operation {
    return operation(child_);
}

template <class T>
auto join_handle<T>::operator co_await() && -> operation {
    return operation(std::exchange(child_, nullptr), operation::reference::taken);
}

}  // namespace covey
