// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace covey::detail {
class task_record;
}  // namespace covey::detail

namespace covey::lowlevel {

struct turn;

// What an operation waits for, and who could end the wait: what a deadlock is explained from.
// Between two turns of a simulated run.
class wait_report {
 public:
    // Who uses an object may use it in one way or another: the two ends of a channel.
    enum class use : bool { first, second };

    // A thing, by its name; the wait is ended by those who use it in that way.
    void waits_for(std::string name, const void* object, use ended_by) {
        things_.push_back({std::move(name), object, ended_by});
    }
    // The end of a task.
    void waits_for(const detail::task_record& task) { tasks_.push_back(&task); }

    struct thing {
        std::string name;
        const void* object;
        use ended_by;
    };
    [[nodiscard]] const std::vector<thing>& things() const noexcept { return things_; }
    [[nodiscard]] const std::vector<const detail::task_record*>& tasks() const noexcept {
        return tasks_;
    }

 private:
    std::vector<thing> things_;
    std::vector<const detail::task_record*> tasks_;
};

// The task of that turn uses the object: in a simulated run it is remembered.
void note_use(turn& now, const void* object, wait_report::use how) noexcept;

}  // namespace covey::lowlevel
