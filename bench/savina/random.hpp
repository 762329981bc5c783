// SPDX-License-Identifier: BSL-1.0
#pragma once

// The generators that the suite's values depend on.

#include <cstdint>
#include <cstdlib>

namespace savina {

// java.util.Random: 48 bits of state.
class java_random {
 public:
    explicit java_random(std::int64_t seed) noexcept
        : state_((static_cast<std::uint64_t>(seed) ^ factor) & mask) {}

    std::int32_t next_int() noexcept { return static_cast<std::int32_t>(next(32)); }

    // From [0, bound): unbiased, by drawing again.
    std::int32_t next_int(std::int32_t bound) noexcept {
        if ((bound & (bound - 1)) == 0)
            return static_cast<std::int32_t>((static_cast<std::int64_t>(bound) * next(31)) >> 31);
        for (;;) {
            const std::int64_t bits = next(31);
            const std::int64_t result = bits % bound;
            if (bits - result + (bound - 1) <= INT32_MAX) return static_cast<std::int32_t>(result);
        }
    }

    // From [0, 1).
    double next_double() noexcept {
        const std::uint64_t high = next(26);
        return static_cast<double>((high << 27) + next(27)) * 0x1p-53;
    }

 private:
    static constexpr std::uint64_t factor = 0x5DEECE66D;
    static constexpr std::uint64_t mask = (std::uint64_t{1} << 48) - 1;

    std::uint32_t next(int bits) noexcept {
        state_ = (state_ * factor + 0xB) & mask;
        return static_cast<std::uint32_t>(state_ >> (48 - bits));
    }

    std::uint64_t state_;
};

// The suite's own: 16 bits of state, whose lowest bit alternates.
class savina_random {
 public:
    explicit savina_random(std::int64_t seed) noexcept : state_(seed) {}

    // From [0, 65536).
    std::int32_t next_int() noexcept {
        state_ = (state_ * 1309 + 13849) & 65535;
        return static_cast<std::int32_t>(state_);
    }
    std::int32_t next_int(std::int32_t bound) noexcept { return next_int() % bound; }

 private:
    std::int64_t state_;
};

// Math.abs(int) % bound, of what isn't the smallest int.
inline std::int32_t reduced(std::int32_t number, std::int32_t bound) noexcept {
    return std::abs(number) % bound;
}

// Keeps the processor busy as the suite does: with random numbers that nobody needs. The result
// depends on all of them.
inline double busy_wait(savina_random& random, std::int32_t steps) noexcept {
    double sum = 0;
    for (std::int32_t i = 0; i < steps; ++i) sum += random.next_int();
    return sum;
}

}  // namespace savina
