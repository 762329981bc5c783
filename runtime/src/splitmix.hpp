// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstdint>

namespace covey::detail {

// Random numbers from a state of eight bytes: splitmix64. The same ones everywhere for a seed.
inline std::uint64_t splitmix(std::uint64_t& state) noexcept {
    std::uint64_t mixed = (state += 0x9e3779b97f4a7c15U);
    mixed = (mixed ^ (mixed >> 30U)) * 0xbf58476d1ce4e5b9U;
    mixed = (mixed ^ (mixed >> 27U)) * 0x94d049bb133111ebU;
    return mixed ^ (mixed >> 31U);
}

}  // namespace covey::detail
