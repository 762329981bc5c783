// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <covey/once.hpp>

#include <concepts>
#include <type_traits>
#include <utility>

namespace covey::detail {

// One argument of a supervised child, kept so that every incarnation can be given its own: a copy,
// a clone() where the type can't be copied (channel ends), or the thing itself, once.
template <class T>
concept clonable = !std::copy_constructible<T> && requires(const T& kept) {
    { kept.clone() } -> std::same_as<T>;
};
template <class T>
inline constexpr bool is_once = false;
template <class T>
inline constexpr bool is_once<once_argument<T>> = true;

template <class T>
struct given_by_prototype {
    using type = T;
};
template <class T>
struct given_by_prototype<once_argument<T>> {
    using type = T;
};
// What a prototype of type T gives to an incarnation.
template <class T>
using given_by = typename given_by_prototype<std::decay_t<T>>::type;

template <class T>
inline constexpr bool is_repeatable = std::copy_constructible<T> || clonable<T>;

template <class T>
T incarnate(T& prototype) {
    if constexpr (std::copy_constructible<T>) {
        return static_cast<const T&>(prototype);
    } else {
        return static_cast<const T&>(prototype).clone();
    }
}
template <class T>
T incarnate(once_argument<T>& prototype) {
    return std::move(prototype.value);
}

}  // namespace covey::detail
