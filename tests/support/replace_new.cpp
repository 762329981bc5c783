// SPDX-License-Identifier: BSL-1.0
#include <covey/replace_new.hpp>
