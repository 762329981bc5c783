// SPDX-License-Identifier: BSL-1.0
#include <covey/config.hpp>
#include <covey/lowlevel/intrusive_list.hpp>

int main() {
    struct node : covey::lowlevel::list_hook {
    } only;
    covey::lowlevel::intrusive_list<node> nodes;
    nodes.push_back(only);
    return nodes.pop_front() == &only && COVEY_VERSION > 0 ? 0 : 1;
}
