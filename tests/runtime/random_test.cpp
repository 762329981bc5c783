// SPDX-License-Identifier: BSL-1.0
#include <covey/lowlevel/random.hpp>

#include "support/catch.hpp"
#include "support/run_virtual.hpp"

#include <covey/nursery.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <set>
#include <stdexcept>
#include <vector>

namespace {

std::vector<std::uint64_t> numbers(std::uint64_t seed) {
    std::vector<std::uint64_t> result;
    support::run_virtual(seed, [&]() -> covey::task<> {
        for (int i = 0; i < 50; ++i) result.push_back(covey::lowlevel::random_number());
        co_await covey::with_nursery([&](covey::nursery& nursery) {
            for (int i = 0; i < 50; ++i)
                nursery.start_soon([&] { result.push_back(covey::lowlevel::random_number()); });
        });
    });
    return result;
}

}  // namespace

TEST_CASE("the numbers of a run are those of its seed (SV15)") {
    const std::vector<std::uint64_t> some = numbers(7);
    CHECK(some == numbers(7));
    CHECK(some != numbers(8));
    CHECK(std::set<std::uint64_t>(some.begin(), some.end()).size() == 100);
}

TEST_CASE("random numbers are made of all their bits (SV15)") {
    std::uint64_t ones = 0;
    std::uint64_t zeros = 0;
    for (const std::uint64_t each : numbers(3)) {
        ones |= each;
        zeros |= ~each;
    }
    CHECK(ones == ~std::uint64_t{0});
    CHECK(zeros == ~std::uint64_t{0});
}

TEST_CASE("a random number outside a run is refused") {
    CHECK_THROWS_AS(covey::lowlevel::random_number(), std::logic_error);
    CHECK_THROWS_AS(covey::lowlevel::random_choice(2), std::logic_error);
}

TEST_CASE("random choices are the seed's, and each is as likely") {
    const auto choices = [](std::uint64_t seed) {
        std::vector<std::size_t> result;
        support::run_virtual(seed, [&]() -> covey::task<> {
            for (int i = 0; i < 3000; ++i) result.push_back(covey::lowlevel::random_choice(3));
            co_return;
        });
        return result;
    };
    const std::vector<std::size_t> some = choices(7);
    CHECK(some == choices(7));
    CHECK(some != choices(8));
    for (const std::size_t each : {0U, 1U, 2U}) {
        const auto count = std::count(some.begin(), some.end(), each);
        CHECK(count > 850);
        CHECK(count < 1150);
    }
}
