// SPDX-License-Identifier: BSL-1.0
#include <covey/lowlevel/intrusive_list.hpp>

#include "support/catch.hpp"

namespace {

struct item : covey::lowlevel::list_hook {
    explicit item(int value) : number(value) {}
    int number;
};

using list = covey::lowlevel::intrusive_list<item>;

}  // namespace

TEST_CASE("an intrusive list is first in, first out") {
    list numbers;
    item one{1}, two{2}, three{3};
    numbers.push_back(one);
    numbers.push_back(two);
    numbers.push_front(three);

    CHECK(numbers.front() == &three);
    CHECK(numbers.after(three) == &one);
    CHECK(numbers.after(two) == nullptr);
    CHECK(numbers.pop_front() == &three);
    CHECK(numbers.pop_front() == &one);
    CHECK(numbers.pop_front() == &two);
    CHECK(numbers.pop_front() == nullptr);
}

TEST_CASE("a node leaves an intrusive list from the middle") {
    list numbers;
    item one{1}, two{2}, three{3};
    for (item* each : {&one, &two, &three}) numbers.push_back(*each);

    numbers.remove(two);

    CHECK_FALSE(two.is_linked());
    CHECK(numbers.pop_front() == &one);
    CHECK(numbers.pop_front() == &three);
    CHECK(numbers.empty());
}

TEST_CASE("splicing moves all nodes in order and empties the source") {
    list first, second;
    item one{1}, two{2}, three{3};
    first.push_back(one);
    second.push_back(two);
    second.push_back(three);

    first.splice_back(second);

    CHECK(second.empty());
    CHECK(first.pop_front() == &one);
    CHECK(first.pop_front() == &two);
    CHECK(first.pop_front() == &three);
}
