// SPDX-License-Identifier: BSL-1.0
#pragma once

// Included before everything that is checked: the processor's counter is the checker's.
extern "C" unsigned long long covey_model_ticks();
