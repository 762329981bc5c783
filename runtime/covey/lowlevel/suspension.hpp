// SPDX-License-Identifier: BSL-1.0
#pragma once

namespace covey::lowlevel {

// Told when a task is suspended for the first time: what a supervisor takes for a child's being
// ready when the child has no way to say so.
class suspension_watch {
 public:
    // On the worker, after the turn in which watch_suspension() was called. The task may be running
    // elsewhere by then, and the watch has to be still alive. Must not wait.
    virtual void suspended() noexcept = 0;

 protected:
    ~suspension_watch() = default;
};

// In a task: the watch is told when the task's present turn ends. One at a time.
void watch_suspension(suspension_watch& watch) noexcept;
// Takes that back. False: too late, the task has been suspended since.
[[nodiscard]] bool end_suspension_watch(const suspension_watch& watch) noexcept;

}  // namespace covey::lowlevel
