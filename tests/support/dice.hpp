// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstdint>

namespace support {

// Small random numbers, repeatable: splitmix64.
class dice {
 public:
    explicit dice(std::uint64_t seed) noexcept : state_(seed) {}
    // From 0 to sides - 1.
    std::uint64_t roll(std::uint64_t sides) noexcept {
        std::uint64_t mixed = (state_ += 0x9e3779b97f4a7c15U);
        mixed = (mixed ^ (mixed >> 30U)) * 0xbf58476d1ce4e5b9U;
        mixed = (mixed ^ (mixed >> 27U)) * 0x94d049bb133111ebU;
        return (mixed ^ (mixed >> 31U)) % sides;
    }

 private:
    std::uint64_t state_;
};

}  // namespace support
