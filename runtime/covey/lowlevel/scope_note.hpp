// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <string>
#include <vector>

namespace covey::lowlevel {

// What a scope stands for, where it is more than a scope: a supervisor, one run of an actor. Shown
// in dump_task_tree(), and found from inside. Outlives its scope.
class scope_note {
 public:
    scope_note(const scope_note&) = delete;
    scope_note& operator=(const scope_note&) = delete;

    // The scope's line in the task tree, and lines below it. Called while the run's tree is locked:
    // neither waits, nor cancels, nor takes a lock that is held while somebody cancels.
    [[nodiscard]] virtual std::string describe() const = 0;
    [[nodiscard]] virtual std::vector<std::string> details() const { return {}; }

 protected:
    scope_note() noexcept = default;
    virtual ~scope_note() = default;
};

// Goes through the notes of the scopes that the calling task is in, from the innermost outwards,
// until see() gives true; see() must keep to the same rules as describe(). Outside a task: none.
void visit_notes(void* context, bool (*see)(void* context, const scope_note& note));

// The innermost one of that class for which `matches` is true, or null. It stays valid as long as
// the calling task is inside its scope.
template <class Note, class Matches>
const Note* enclosing_note(Matches matches) {
    struct search {
        Matches& matches;
        const Note* found;
    } result{matches, nullptr};
    visit_notes(&result, [](void* context, const scope_note& note) {
        auto& wanted = *static_cast<search*>(context);
        const auto* match = dynamic_cast<const Note*>(&note);
        if (match != nullptr && wanted.matches(*match)) wanted.found = match;
        return wanted.found != nullptr;
    });
    return result.found;
}
template <class Note>
const Note* enclosing_note() {
    return enclosing_note<Note>([](const Note&) { return true; });
}

}  // namespace covey::lowlevel
