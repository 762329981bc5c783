// SPDX-License-Identifier: BSL-1.0
#include "values.hpp"

#include <algorithm>
#include <cstdio>

namespace savina {

namespace {

std::string to_text(double number) {
    char text[32];
    std::snprintf(text, sizeof text, "%.17g", number);
    return text;
}

}  // namespace

void compare(const values& found, const values& expected) {
    std::string wrong;
    for (const value& wanted : expected) {
        const auto place = std::ranges::find(found, wanted.name, &value::name);
        if (place != found.end() && place->number == wanted.number) continue;
        const std::string actual = place == found.end() ? "missing" : to_text(place->number);
        wrong += (wrong.empty() ? "" : "; ") + std::string(wanted.name) + " is " + actual +
                 " instead of " + to_text(wanted.number);
    }
    if (!wrong.empty()) throw wrong_value(wrong);
}

std::string to_string(const values& list) {
    std::string text;
    for (const value& each : list)
        text += (text.empty() ? "" : ", ") + std::string(each.name) + " " + to_text(each.number);
    return text;
}

}  // namespace savina
