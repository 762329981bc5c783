// SPDX-License-Identifier: BSL-1.0
#include <covey/lowlevel/scope_note.hpp>

#include "support/catch.hpp"
#include "support/run_virtual.hpp"

#include <covey/checkpoint.hpp>
#include <covey/detail/scope_block.hpp>
#include <covey/inspect.hpp>
#include <covey/nursery.hpp>

#include <string>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using Catch::Matchers::Contains;
using covey::lowlevel::enclosing_note;

namespace {

class sign final : public covey::lowlevel::scope_note {
 public:
    explicit sign(std::string text) : text_(std::move(text)) {}
    ~sign() override = default;
    [[nodiscard]] std::string describe() const override { return "sign " + text_; }
    [[nodiscard]] std::vector<std::string> details() const override { return {"below " + text_}; }
    [[nodiscard]] const std::string& text() const { return text_; }

 private:
    std::string text_;
};
class other_sign final : public covey::lowlevel::scope_note {
 public:
    ~other_sign() override = default;
    [[nodiscard]] std::string describe() const override { return "another sign"; }
};

std::string innermost() {
    const sign* found = enclosing_note<sign>();
    return found == nullptr ? "none" : found->text();
}

}  // namespace

TEST_CASE("a note is found from inside its scope, the innermost one first") {
    support::run_virtual([]() -> covey::task<> {
        const sign outer("outer");
        const sign inner("inner");
        CHECK(innermost() == "none");
        {
            covey::detail::scope_block around({.note = &outer});
            CHECK(innermost() == "outer");
            {
                covey::detail::scope_block inside({.note = &inner});
                covey::detail::scope_block plain;
                CHECK(innermost() == "inner");
                CHECK(enclosing_note<sign>(
                          [](const sign& each) { return each.text() == "outer"; }) == &outer);
                CHECK(enclosing_note<other_sign>() == nullptr);
                CHECK_FALSE(plain.leave(false));
                CHECK_FALSE(inside.leave(false));
            }
            CHECK(innermost() == "outer");
            CHECK_FALSE(around.leave(false));
        }
        CHECK(innermost() == "none");
        co_return;
    });
}

TEST_CASE("a note is found through nurseries, by children of children") {
    support::run_virtual([]() -> covey::task<> {
        const sign outer("outer");
        covey::detail::scope_block around({.note = &outer});
        std::string found;
        co_await covey::with_nursery([&](covey::nursery& nursery) {
            nursery.start_soon([&]() -> covey::task<> {
                co_await covey::with_nursery([&](covey::nursery& below) {
                    below.start_soon([&]() -> covey::task<> {
                        co_await covey::sleep_for(1s);
                        found = innermost();
                    });
                });
            });
        });
        CHECK(found == "outer");
        CHECK_FALSE(around.leave(false));
    });
}

TEST_CASE("a visit goes from the innermost note outwards and stops when it is told to") {
    support::run_virtual([]() -> covey::task<> {
        const sign first("first");
        const other_sign second;
        const sign third("third");
        covey::detail::scope_block a({.note = &first});
        covey::detail::scope_block b({.note = &second});
        covey::detail::scope_block c({.note = &third});
        std::string seen;
        covey::lowlevel::visit_notes(&seen,
                                     [](void* text, const covey::lowlevel::scope_note& note) {
                                         *static_cast<std::string*>(text) += note.describe() + ", ";
                                         return dynamic_cast<const other_sign*>(&note) != nullptr;
                                     });
        CHECK(seen == "sign third, another sign, ");
        CHECK_FALSE(c.leave(false));
        CHECK_FALSE(b.leave(false));
        CHECK_FALSE(a.leave(false));
        co_return;
    });
}

TEST_CASE("outside a task there are no notes") { CHECK(enclosing_note<sign>() == nullptr); }

TEST_CASE("the task tree shows a scope's note, and what is below it") {
    support::run_virtual([]() -> covey::task<> {
        const sign here("here");
        covey::detail::scope_block around({.note = &here});
        CHECK_THAT(covey::dump_task_tree(), Contains("sign here") && Contains("below here"));
        CHECK_FALSE(around.leave(false));
        CHECK_THAT(covey::dump_task_tree(), !Contains("sign here"));
        co_return;
    });
}
