// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <covey/detail/counted.hpp>
#include <covey/exception_group.hpp>
#include <covey/supervisor_options.hpp>

#include <stdexcept>
#include <string>
#include <vector>

namespace covey {

// A child ended before it was ready, when it was started for the first time: no restart follows.
// The group holds the child's error, and after it what failed while the others were stopped. (SV8a)
class start_failed_error : public exception_group {
 public:
    start_failed_error(std::string_view child, std::vector<std::exception_ptr> errors);
    [[nodiscard]] const std::string& child() const noexcept { return name_->text; }

 private:
    struct name final : detail::counted_object {
        explicit name(std::string_view given) : text(given) {}
        std::string text;
    };
    detail::counted_ref<name> name_;  // copying must not throw
};

// A supervisor's budget of restarts is spent, or a child's max_consecutive. The group holds the
// error that was one too many, then those of the incidents before it (the last 8 at most), then
// those of stopping the others. (SV17)
class supervisor_gave_up : public exception_group {
 public:
    // Where an error of an incident came from.
    struct failure {
        std::string path;  // "supervisor/child"
        child_id child;
        std::uint64_t incarnation;
        std::uint64_t incident;
        time_point at;
        std::exception_ptr error;  // null: a permanent child returned
    };

    supervisor_gave_up(std::string_view what, std::vector<std::exception_ptr> errors,
                       std::vector<failure> failures, std::uint64_t dropped);

    // The incidents, the last one first.
    [[nodiscard]] const std::vector<failure>& failures() const noexcept { return story_->failures; }
    // How many incidents before those are not told.
    [[nodiscard]] std::uint64_t dropped() const noexcept { return story_->dropped; }

 private:
    struct story final : detail::counted_object {
        std::vector<failure> failures;
        std::uint64_t dropped = 0;
    };
    detail::counted_ref<story> story_;
};

// A permanent child returned once too often: what supervisor_gave_up holds in place of an error.
class child_returned_error : public std::runtime_error {
 public:
    using std::runtime_error::runtime_error;
};

}  // namespace covey
