// SPDX-License-Identifier: BSL-1.0
#pragma once

// The channels room: values from task to task.

#include <covey/channel.hpp>
#include <covey/select.hpp>
