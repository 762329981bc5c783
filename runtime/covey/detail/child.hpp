// SPDX-License-Identifier: BSL-1.0
#pragma once

// The typed half of a child task: its callable, its arguments, and how to call them.

#include <covey/detail/settle.hpp>
#include <covey/detail/task_record.hpp>
#include <covey/lowlevel/fault_point.hpp>

#include <concepts>
#include <string_view>
#include <tuple>

namespace covey::detail {

// A child that nobody asks for a result.
class plain_base : public task_record {
 public:
    [[nodiscard]] std::string_view given_name() const noexcept final;

 protected:
    explicit plain_base(std::string_view name) {
        if (!name.empty()) keep_name(name);
    }
    ~plain_base() override {
        if (is_named) drop_name();
    }

 private:
    void keep_name(std::string_view name);
    void drop_name() noexcept;
};

// A child that can be cancelled alone, in a scope of its own that is made for that: a service gets
// it with its nursery, any other when somebody cancels it.
class scoped_base : public plain_base {
 public:
    [[nodiscard]] void* place_of_own_scope() noexcept final { return place_; }

 protected:
    using plain_base::plain_base;
    ~scoped_base() override = default;

 private:
    alignas(cancel_scope) unsigned char place_[sizeof(cancel_scope)];
};

// What the compiler calls a callable; pretty_function() makes it readable.
template <class F>
const char* callable_type_name() noexcept {
    return __PRETTY_FUNCTION__;
}

// Callable and arguments of a child, decay-copied as by std::thread. The callable stays in place
// until the child has ended, so a coroutine lambda may use its captures. A Base with set_value()
// is given the result.
template <class Base, class F, class... A>
class callable_child final : public Base {
 public:
    template <class G, class... B>
    explicit callable_child(std::string_view name, G&& function, B&&... arguments)
        : Base(name), called_(std::forward<G>(function), std::forward<B>(arguments)...) {
        if constexpr (is_task<returned>)
            this->keeps_value = takes_value<awaitable_result_t<returned>>;
    }
    ~callable_child() override { drop_callable(); }

    promise_base* start() override {
        if constexpr (is_task<returned>) {
            auto frame = task_access::release(call());
            this->root.child = frame;
            return &frame.promise();
        } else if constexpr (takes_value<returned>) {
            Base::set_value(call());
            return nullptr;
        } else {
            static_cast<void>(call());
            return nullptr;
        }
    }
    void keep_value() override {
        if constexpr (is_task<returned>) {
            using value = awaitable_result_t<returned>;
            if constexpr (takes_value<value>) {
                using frame = std::coroutine_handle<task_promise<value>>;
                Base::set_value(frame::from_address(this->root.child.address()).promise().take());
            }
        }
    }
    void drop_callable() noexcept override {
        if (!this->has_callable) return;
        this->has_callable = false;
        called_.~stored_call();
    }
    [[nodiscard]] const char* callable_name() const noexcept override {
        return callable_type_name<F>();
    }

 private:
    using returned = std::invoke_result_t<F&, A...>;
    template <class T>
    static constexpr bool takes_value = requires(Base& base) { base.set_value(std::declval<T>()); };

    decltype(auto) call() {
        if constexpr (!std::is_nothrow_invocable_v<F&, A...>) lowlevel::fault_point();
        return std::apply(called_.function, std::move(called_.arguments));
    }

    using stored_call = callable_and_arguments<F, A...>;
    union {
        stored_call called_;  // until drop_callable()
    };
};

template <class F, class... A>
using plain_child = callable_child<plain_base, F, A...>;
template <class F, class... A>
using scoped_child = callable_child<scoped_base, F, A...>;

template <class R>
struct result_of_call {
    using type = R;
};
template <class T>
struct result_of_call<task<T>> {
    using type = T;
};

// Whether a parameter of type P would refer to a temporary made from a stored argument of type D.
// That ends with the call, long before a coroutine that was given the reference.
#if __has_builtin(__reference_constructs_from_temporary)
template <class P, class D>
inline constexpr bool refers_to_temporary = __reference_constructs_from_temporary(P, D&&);
#else
template <class P, class D>
inline constexpr bool refers_to_temporary = false;
#endif

template <class... D>
struct arguments {
    template <class R, class... P>
        requires(sizeof...(P) == sizeof...(D))
    static constexpr bool dangle(R (*)(P...)) {
        return is_task<R> && (refers_to_temporary<P, D> || ...);
    }
    template <class R, class C, class... P>
    static constexpr bool dangle(R (C::*)(P...)) {
        return dangle(static_cast<R (*)(P...)>(nullptr));
    }
    template <class R, class C, class... P>
    static constexpr bool dangle(R (C::*)(P...) const) {
        return dangle(static_cast<R (*)(P...)>(nullptr));
    }
    static constexpr bool dangle(...) { return false; }
};

// Whether F is a coroutine function that can be looked into and would keep such a reference.
template <class F, class... D>
constexpr bool keeps_temporary() {
    if constexpr (std::is_pointer_v<F>)
        return arguments<D...>::dangle(static_cast<F>(nullptr));
    else if constexpr (requires { &F::operator(); })
        return arguments<D...>::dangle(decltype (&F::operator())(nullptr));
    else
        return false;
}

template <class X>
inline constexpr bool is_block_object =
    std::is_same_v<X, nursery> || std::is_same_v<X, cancel_scope>;

// Whether fn(args...) can be a child, with a message that gives the right spelling if not.
template <class F, class... A>
constexpr bool check_child() {
    using callable = std::decay_t<F>;
    static_assert(!awaitable<callable>,
                  "covey: a child is started from a function and its arguments, not from an "
                  "awaitable: write start_soon(worker, 1), not start_soon(worker(1))");
    static_assert((!is_block_object<std::decay_t<A>> && ...),
                  "covey: a nursery or scope can't be passed by value: pass std::ref(nursery) to "
                  "a child that ends inside the block, or nursery.handle()");
    static_assert((std::is_constructible_v<std::decay_t<A>, A&&> && ...),
                  "covey: an argument of a child can't be copied or moved into it: std::move it, "
                  "or clone() it");
    if constexpr (!awaitable<callable> && (!is_block_object<std::decay_t<A>> && ...)) {
        static_assert(std::is_invocable_v<callable&, std::decay_t<A>...>,
                      "covey: the function of a child can't be called with these arguments: they "
                      "are passed as rvalues of their decayed types, as by std::thread");
        if constexpr (std::is_invocable_v<callable&, std::decay_t<A>...>) {
            using returned = std::invoke_result_t<callable&, std::decay_t<A>...>;
            static_assert(!keeps_temporary<callable, std::decay_t<A>...>(),
                          "covey: a parameter of the coroutine refers to a temporary that is made "
                          "for the call and ends with it: pass the parameter's own type, e.g. "
                          "std::string(\"text\") for a const std::string&");
            static_assert(!awaitable<returned> || is_task<returned>,
                          "covey: the function of a child returns an awaitable that nobody "
                          "awaits: make it a coroutine that returns covey::task<>");
            return true;
        } else {
            return false;
        }
    } else {
        return false;
    }
}

// The same for children whose result nobody can get.
template <class F, class... A>
constexpr void check_plain_child() {
    if constexpr (check_child<F, A...>()) {
        using returned = std::invoke_result_t<std::decay_t<F>&, std::decay_t<A>...>;
        static_assert(!is_task<returned> || std::is_same_v<returned, task<void>>,
                      "covey: the child's result would be lost: use spawn, which gives a "
                      "join_handle");
    }
}

template <class F, class... A>
using child_result =
    typename result_of_call<std::invoke_result_t<std::decay_t<F>&, std::decay_t<A>...>>::type;

}  // namespace covey::detail
