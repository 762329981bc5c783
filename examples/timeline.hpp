// SPDX-License-Identifier: BSL-1.0
#pragma once

// Draws the log of a supervisor: a line for each child, a character for each step of time.

#include <covey/supervision_event.hpp>
#include <covey/supervisor.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <map>
#include <string>
#include <vector>

namespace timeline {

using kind = covey::supervision_event::kind;

// What an event looks like, and the time after it. Null: it leaves that as it is.
struct look {
    const char* mark = nullptr;
    const char* afterwards = nullptr;
};

inline look look_of(const covey::supervision_event& event) {
    switch (event.what) {
        case kind::start: return {nullptr, "━"};
        case kind::completed: return {"✓", " "};
        case kind::incident:
        case kind::joined: return {"✗", "·"};
        case kind::failed_to_stop:
        case kind::start_failed:
        case kind::forgotten: return {"✗", " "};
        case kind::asked_to_stop: return {"a", "─"};
        case kind::cancelled: return {"c", "─"};
        case kind::pierced: return {"p", "─"};
        case kind::unresponsive: return {"u", "─"};
        case kind::went_down: return {"■", "·"};
        case kind::stopped: return {"■", " "};
        default: return {};
    }
}

// What a program has to say about one of the children: what its line looks like from then on.
struct note {
    covey::time_point at;
    std::string child;
    std::string afterwards;
};

inline constexpr const char* legend =
    "━ runs  ✗ fails  · waits to be started  ✓ returns  a asked to stop  c cancelled  "
    "p pierced  ■ stopped";

// The scale in seconds, under `indent` columns of names.
inline std::string scale(std::size_t columns, covey::duration step, std::size_t indent) {
    std::string line(indent, ' ');
    const auto in_a_second = static_cast<std::size_t>(std::chrono::seconds(1) / step);
    for (std::size_t second = 0; second * in_a_second < columns; ++second)
        line += fmt::format("{:<{}}", second, in_a_second);
    while (line.ends_with(' ')) line.pop_back();
    return line + " s";
}

// One line of the drawing.
class row {
 public:
    void change(std::size_t column, const char* mark, const std::string& afterwards, bool is_last) {
        cells_.resize(std::max(cells_.size(), column), now_);
        if (!afterwards.empty()) now_ = afterwards;
        if (mark == nullptr) return;
        // How it came to its end stays to be seen.
        const bool shows_ladder = cells_.size() > column && is_last;
        cells_.resize(shows_ladder ? column + 1 : column);
        cells_.emplace_back(mark);
    }
    [[nodiscard]] std::string draw(const std::string& name, std::size_t columns) {
        cells_.resize(std::max(cells_.size(), columns), now_);
        std::string line = fmt::format("  {:<10}", name);
        for (const std::string& cell : cells_) line += cell;
        while (line.ends_with(' ')) line.pop_back();
        return line;
    }

 private:
    std::vector<std::string> cells_;
    std::string now_ = " ";
};

inline void draw(const std::vector<covey::supervision_event>& events, covey::duration step,
                 covey::time_point until, const std::vector<note>& notes = {}) {
    if (events.empty()) return;
    const covey::time_point begin = events.front().at;
    const auto column = [&](covey::time_point at) {
        return static_cast<std::size_t>((at - begin) / step);
    };
    std::map<std::string, row> rows;
    std::vector<std::string> names;  // in the order of start
    auto next_note = notes.begin();
    const auto take_notes = [&](covey::time_point before) {
        for (; next_note != notes.end() && next_note->at < before; ++next_note)
            rows[next_note->child].change(column(next_note->at), nullptr, next_note->afterwards,
                                          false);
    };
    for (const covey::supervision_event& event : events) {
        take_notes(event.at);
        if (event.child == covey::child_id{}) continue;
        if (std::find(names.begin(), names.end(), event.name) == names.end())
            names.push_back(event.name);
        const look seen = look_of(event);
        const bool is_last = event.what == kind::stopped;
        rows[event.name].change(column(event.at), seen.mark,
                                seen.afterwards == nullptr ? "" : seen.afterwards, is_last);
    }
    take_notes(covey::time_point::max());
    const std::size_t columns = column(until) + 1;
    for (const std::string& name : names) fmt::print("{}\n", rows[name].draw(name, columns));
    fmt::print("{}\n", scale(columns, step, 12));
}

}  // namespace timeline
