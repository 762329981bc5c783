// SPDX-License-Identifier: BSL-1.0
#include <covey/lowlevel/pooled.hpp>

#include "support/catch.hpp"
#include "support/pooled.hpp"
#include "support/run_virtual.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace {

struct small : covey::lowlevel::pooled {
    explicit small(int number) : value(number) {}
    int value;
};

struct base : covey::lowlevel::pooled {
    virtual ~base() = default;
};
struct derived final : base {
    unsigned char bytes[200] = {};
};

struct alignas(64) aligned : covey::lowlevel::pooled {
    unsigned char bytes[64] = {};
};

}  // namespace

TEST_CASE("pooled objects keep apart, and their memory is used again", "[pooled]") {
    const support::pool_switched on(true);
    support::run_virtual([]() -> covey::task<> {
        std::vector<std::unique_ptr<small>> several;
        for (int i = 0; i < 1000; ++i) several.push_back(std::make_unique<small>(i));
        bool apart = true;
        for (int i = 0; i < 1000; ++i) apart = apart && several[std::size_t(i)]->value == i;
        CHECK(apart);
        const auto* last = several.back().get();
        several.pop_back();
        const auto again = std::make_unique<small>(7);
        CHECK(again.get() == last);
        co_return;
    });
}

TEST_CASE("a pooled object is freed with the size that it was made with", "[pooled]") {
    const support::pool_switched on(true);
    support::run_virtual([]() -> covey::task<> {
        auto* made = new derived();
        const void* place = made;
        delete static_cast<base*>(made);
        auto* again = new derived();
        CHECK(static_cast<const void*>(again) == place);
        delete again;
        co_return;
    });
}

TEST_CASE("a pooled object is aligned as its type wants", "[pooled]") {
    const auto one = std::make_unique<aligned>();
    const auto two = std::make_unique<aligned>();
    CHECK(reinterpret_cast<std::uintptr_t>(one.get()) % 64 == 0);
    CHECK(reinterpret_cast<std::uintptr_t>(two.get()) % 64 == 0);
}
