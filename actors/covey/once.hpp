// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <type_traits>
#include <utility>

namespace covey {

template <class T>
struct once_argument {
    T value;
};

// An argument of a supervised child that can neither be copied nor cloned: the first incarnation
// takes it, so there can be no second one, and the child is temporary. (SV3)
template <class T>
[[nodiscard]] once_argument<std::decay_t<T>> once(T&& value) {
    return {std::forward<T>(value)};
}

}  // namespace covey
