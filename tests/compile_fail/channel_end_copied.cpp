// SPDX-License-Identifier: BSL-1.0
// A copy of an end would keep the channel open unseen: clone() is spelled out. (M5, M40)
// expect: (deleted|implicitly)
// expect: send_channel
#include <covey/channel.hpp>

void use(covey::send_channel<int> tx);

void copy(const covey::send_channel<int>& tx) {
#ifndef COVEY_CONTROL
    use(tx);
#else
    use(tx.clone());
#endif
}
