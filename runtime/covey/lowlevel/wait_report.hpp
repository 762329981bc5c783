// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace covey::lowlevel {

struct turn;
class waiter;

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
    // For something of a task: "the end of".
    void waits_for(const waiter& task, const char* what) { tasks_.push_back({&task, what}); }

    struct thing {
        std::string name;
        const void* object;
        use ended_by;
    };
    struct other_task {
        const waiter* task;
        const char* what;
    };
    [[nodiscard]] const std::vector<thing>& things() const noexcept { return things_; }
    [[nodiscard]] const std::vector<other_task>& tasks() const noexcept { return tasks_; }

 private:
    std::vector<thing> things_;
    std::vector<other_task> tasks_;
};

// The task of that turn uses the object: in a simulated run it is remembered.
void note_use(turn& now, const void* object, wait_report::use how) noexcept;

}  // namespace covey::lowlevel
