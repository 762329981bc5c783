// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <stdexcept>
#include <utility>

namespace savina {

// Tells an actor from a plain handler, which can't wait for room. For protocols that bound how many
// messages can be under way: then a mailbox that large is never full.
template <class Ref, class M>
void post(const Ref& to, M message) {
    if (!to.try_tell(std::move(message)))
        throw std::logic_error("the mailbox of '" + to.name() + "' is smaller than its protocol");
}

}  // namespace savina
