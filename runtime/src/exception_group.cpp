// SPDX-License-Identifier: BSL-1.0
#include <covey/exception_group.hpp>

#include "describe.hpp"

#include <covey/lowlevel/atomic.hpp>
#include <covey/lowlevel/thread.hpp>

#include <fmt/format.h>

#include <cstdlib>
#include <cxxabi.h>
#include <iterator>
#include <memory>
#include <stdexcept>
#include <string>
#include <typeinfo>

namespace covey {

// Shared by the copies of a group. Threads: errors are constant; the text is made once, under lock.
struct exception_group::state {
    std::string title;
    std::vector<std::exception_ptr> errors;
    lowlevel::mutex lock;
    std::string text;  // guarded by lock; empty: not made yet
    lowlevel::atomic<unsigned> references{1};

    ~state() { destroy_flat(std::move(errors)); }

    // "nursery of task 'main' (2 errors)"
    [[nodiscard]] std::string headline() const {
        return fmt::format("{} ({} {})", title, errors.size(),
                           errors.size() == 1 ? "error" : "errors");
    }

    // Groups nest as deep as nurseries do. Destroying one inside the other would cost stack for
    // each level, so the outermost destructor on a thread works them off one after the other.
    static void destroy_flat(std::vector<std::exception_ptr>&& errors) noexcept {
        thread_local std::vector<std::exception_ptr>* pending = nullptr;
        if (pending != nullptr) {
            try {
                pending->insert(pending->end(), std::move_iterator(errors.begin()),
                                std::move_iterator(errors.end()));
            } catch (...) {  // no memory for the list: the stack has to do
            }
            return;
        }
        std::vector<std::exception_ptr> work = std::move(errors);
        pending = &work;
        while (!work.empty()) {
            const std::exception_ptr last = std::move(work.back());
            work.pop_back();
        }
        pending = nullptr;
    }
};

namespace {

const exception_group* as_group(const std::exception_ptr& error) noexcept {
    return detail::error_as<exception_group>(error);
}

std::string demangled(const std::type_info& type) {
    int status = 0;
    const std::unique_ptr<char, void (*)(void*)> name(
        abi::__cxa_demangle(type.name(), nullptr, nullptr, &status), &std::free);
    return status == 0 ? name.get() : type.name();
}

}  // namespace

// The first line of what(), without making the others: a nursery describes the group of the nursery
// inside it, so thousands of levels would each draw the tree below them.
struct detail::group_headline {
    static std::string of(const exception_group& group) { return group.state_->headline(); }
};

std::string detail::describe(const std::exception_ptr& error) {
    try {
        std::rethrow_exception(error);
    } catch (const exception_group& group) {
        return group_headline::of(group);
    } catch (const std::exception& known) {
        return fmt::format("{}: {}", demangled(typeid(known)), known.what());
    } catch (...) {
        const std::type_info* type = abi::__cxa_current_exception_type();
        return type == nullptr ? "an unknown error" : demangled(*type);
    }
}

exception_group::exception_group(std::string_view what, std::vector<std::exception_ptr> errors) {
    if (errors.empty()) {
        throw std::invalid_argument(
            fmt::format("exception_group '{}' has no errors: make one of at least one", what));
    }
    for (const std::exception_ptr& error : errors) {
        if (!error) {
            throw std::invalid_argument(
                fmt::format("exception_group '{}': one of its {} errors is null: leave it out",
                            what, errors.size()));
        }
    }
    auto fresh = std::make_unique<state>();
    fresh->title = what;
    fresh->errors = std::move(errors);
    state_ = fresh.release();
}

exception_group::exception_group(const exception_group& other) noexcept
    : std::exception(other), state_(other.state_) {
    state_->references.fetch_add(1, lowlevel::order::relaxed);
}

exception_group& exception_group::operator=(const exception_group& other) noexcept {
    exception_group copy(other);
    std::swap(state_, copy.state_);
    return *this;
}

exception_group::~exception_group() {
    if (state_->references.fetch_sub(1, lowlevel::order::acq_rel) == 1) delete state_;
}

std::span<const std::exception_ptr> exception_group::exceptions() const noexcept {
    return state_->errors;
}

namespace {

// One level of a walk over a tree of errors. The walks keep their own stack: groups nest as deep as
// nurseries do.
struct level {
    exception_group group;  // keeps the errors alive
    std::size_t position = 0;
};

constexpr std::size_t deepest_shown = 16;

}  // namespace

const char* exception_group::what() const noexcept {
    const lowlevel::mutex_guard held(state_->lock);
    if (!state_->text.empty()) return state_->text.c_str();
    try {
        std::string text = state_->headline();
        std::vector<level> walk{{*this}};
        while (!walk.empty()) {
            level& here = walk.back();
            const auto errors = here.group.exceptions();
            if (here.position == errors.size()) {
                walk.pop_back();
                continue;
            }
            const std::exception_ptr& error = errors[here.position++];
            const bool last = here.position == errors.size();
            text += '\n';
            for (std::size_t i = 0; i + 1 < walk.size(); ++i)
                text += walk[i].position == walk[i].group.exceptions().size() ? "   " : "│  ";
            text += last ? "╰─ " : "├─ ";
            const exception_group* nested = as_group(error);
            if (nested == nullptr) {
                text += detail::describe(error);
            } else if (walk.size() < deepest_shown) {
                text += nested->state_->headline();
                const exception_group inner = *nested;
                walk.push_back({inner});
            } else {
                const std::exception_ptr leaf = nested->only();
                text += leaf ? "... " + detail::describe(leaf) : "... more errors, deeper";
            }
        }
        state_->text = std::move(text);
    } catch (...) {
        return "several errors, and no memory to tell them";
    }
    return state_->text.c_str();
}

bool exception_group::visit(visitor visit_one, void* context) const {
    std::vector<level> walk{{*this}};
    while (!walk.empty()) {
        level& here = walk.back();
        if (here.position == here.group.exceptions().size()) {
            walk.pop_back();
            continue;
        }
        const std::exception_ptr& error = here.group.exceptions()[here.position++];
        if (visit_one(context, error)) return true;
        if (const exception_group* nested = as_group(error)) walk.push_back({*nested});
    }
    return false;
}

std::pair<std::exception_ptr, std::exception_ptr> exception_group::split_by(predicate test) const {
    struct half_level {
        exception_group group;
        std::size_t position = 0;
        std::vector<std::exception_ptr> matching = {};
        std::vector<std::exception_ptr> rest = {};
    };
    std::vector<half_level> walk{{*this}};
    for (;;) {
        half_level& here = walk.back();
        if (here.position < here.group.exceptions().size()) {
            const std::exception_ptr& error = here.group.exceptions()[here.position++];
            if (test(error)) {
                here.matching.push_back(error);
            } else if (const exception_group* nested = as_group(error)) {
                walk.push_back({*nested});
            } else {
                here.rest.push_back(error);
            }
            continue;
        }
        half_level done = std::move(here);
        walk.pop_back();
        const auto make = [&done](std::vector<std::exception_ptr>&& errors) {
            return errors.empty() ? std::exception_ptr()
                                  : std::make_exception_ptr(exception_group(
                                        done.group.state_->title, std::move(errors)));
        };
        std::exception_ptr matching = make(std::move(done.matching));
        std::exception_ptr rest = make(std::move(done.rest));
        if (walk.empty()) return {matching, rest};
        if (matching) walk.back().matching.push_back(std::move(matching));
        if (rest) walk.back().rest.push_back(std::move(rest));
    }
}

std::exception_ptr exception_group::only() const noexcept {
    const exception_group* group = this;
    for (;;) {
        if (group->exceptions().size() != 1) return nullptr;
        const std::exception_ptr& error = group->exceptions().front();
        const exception_group* nested = as_group(error);
        if (nested == nullptr) return error;
        group = nested;
    }
}

std::exception_ptr detail::collapsed(const std::exception_ptr& error) noexcept {
    const exception_group* group = as_group(error);
    const std::exception_ptr leaf = group == nullptr ? nullptr : group->only();
    return leaf ? leaf : error;
}

}  // namespace covey
