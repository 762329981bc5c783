// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <covey/detail/task_record.hpp>

namespace covey::detail {

// The two halves of a checkpoint, remembered for testing::expect_checkpoints.
using lowlevel::seen_cancel_point;
using lowlevel::seen_schedule_point;

inline void note_cancel_point(task_record& task) noexcept {
    task.checkpoints_seen = static_cast<std::uint8_t>(task.checkpoints_seen | seen_cancel_point);
}
inline void note_schedule_point(task_record& task) noexcept {
    task.checkpoints_seen = static_cast<std::uint8_t>(task.checkpoints_seen | seen_schedule_point);
}

}  // namespace covey::detail
