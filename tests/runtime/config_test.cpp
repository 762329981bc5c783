// SPDX-License-Identifier: BSL-1.0
#include <covey/config.hpp>

#include "support/catch.hpp"

#include <string>

TEST_CASE("the version of the headers is the version of the package") {
    std::string parts = std::to_string(COVEY_VERSION_MAJOR) + "." +
                        std::to_string(COVEY_VERSION_MINOR) + "." +
                        std::to_string(COVEY_VERSION_PATCH);
    CHECK(parts == COVEY_PACKAGE_VERSION);
}

TEST_CASE("COVEY_VERSION orders releases") {
    STATIC_REQUIRE(COVEY_VERSION / 10000 == COVEY_VERSION_MAJOR);
    STATIC_REQUIRE(COVEY_VERSION / 100 % 100 == COVEY_VERSION_MINOR);
    STATIC_REQUIRE(COVEY_VERSION % 100 == COVEY_VERSION_PATCH);
}
