// SPDX-License-Identifier: BSL-1.0

#include "savina/random.hpp"

#include "support/catch.hpp"

#include <set>

TEST_CASE("java_random gives the numbers of java.util.Random") {
    savina::java_random ints(42);
    CHECK(ints.next_int() == -1170105035);
    CHECK(ints.next_int() == 234785527);

    savina::java_random below_hundred(42);
    for (const int expected : {30, 63, 48, 84, 70}) CHECK(below_hundred.next_int(100) == expected);

    savina::java_random below_a_power(42);
    CHECK(below_a_power.next_int(1 << 30) == 781215565);

    savina::java_random doubles(42);
    CHECK(doubles.next_double() == 0.7275636800328681);
}

TEST_CASE("savina_random repeats after 65536 numbers and has seen each of them") {
    savina::savina_random random(74755);
    std::set<int> seen;
    const int first = random.next_int();
    seen.insert(first);
    for (int i = 1; i < 65536; ++i) seen.insert(random.next_int());
    CHECK(seen.size() == 65536);
    CHECK(random.next_int() == first);
}

TEST_CASE("savina_random is odd and even in turn, which is why half of all smokers never smoke") {
    savina::savina_random random(1);
    CHECK(random.next_int() == 15158);
    for (int i = 0; i < 1000; ++i) {
        CHECK(random.next_int() % 2 == 1);
        CHECK(random.next_int() % 2 == 0);
    }
}
