// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "support/caf.hpp"

#include <covey/caf_host.hpp>
#include <covey/event.hpp>

namespace support {

// A ball goes back and forth, each time for one less; who has it at zero tells.
inline caf::behavior player(caf::event_based_actor* self, covey::event* done) {
    return {[=](int left) {
        if (left == 0) {
            done->set();
            self->quit();
            return;
        }
        self->send(caf::actor_cast<caf::actor>(self->current_sender()), left - 1);
        if (left == 1) self->quit();
    }};
}

inline covey::task<> play(covey::caf_host& host, int rounds) {
    covey::event done;
    const auto other = host.system().spawn(player, &done);
    host.system().spawn([&](caf::event_based_actor* self) {
        self->send(other, 2 * rounds);
        return player(self, &done);
    });
    co_await done.wait();
}

}  // namespace support
