// SPDX-License-Identifier: BSL-1.0
// A queue of jobs and a pool of supervised workers. A job whose worker crashes is not lost: it goes
// back to the queue, and after three tries it is set aside. Workers come back after a pause.
//
// Ends with 1 if a job isn't accounted for.

#include "timeline.hpp"

#include <covey/covey.hpp>
#include <covey/testing.hpp>

#include <fmt/format.h>

#include <chrono>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

using namespace std::chrono_literals;

namespace {

struct job {
    char name;
    covey::duration length;
    int tries = 0;
};

struct report {
    job about;
    bool is_done;
};

// A job in somebody's hands. If they don't say that it is done, because they crashed or were
// stopped, it goes back by itself: a destructor runs whatever happens.
class lease {
 public:
    lease(job leased, const covey::send_channel<report>& reports)
        : job_(leased), reports_(reports) {}
    lease(const lease&) = delete;
    lease& operator=(const lease&) = delete;
    ~lease() { tell(); }

    void done() noexcept { is_done_ = true; }

 private:
    void tell() noexcept {
        try {
            reports_.try_send({job_, is_done_});  // unbounded: never full
        } catch (...) {                           // nobody counts any more
        }
    }

    job job_;
    bool is_done_ = false;
    const covey::send_channel<report>& reports_;
};

// Job D kills whoever touches it; job G needs a second try.
covey::task<> carry_out(const job& each) {
    co_await covey::sleep_for(each.length / 2);
    if (each.name == 'D') throw std::runtime_error("job D is poison");
    if (each.name == 'G' && each.tries == 0) throw std::runtime_error("job G: try again");
    co_await covey::sleep_for(each.length / 2);
}

using chart = std::vector<timeline::note>;

covey::task<> work(std::string name, covey::receive_channel<job> jobs,
                   covey::send_channel<report> reports, chart& drawn) {
    while (auto each = co_await jobs.next()) {
        drawn.push_back({covey::now(), name, std::string(1, each->name)});
        lease held(*each, reports);
        co_await carry_out(*each);
        held.done();
    }
    drawn.push_back({covey::now(), name, " "});
}

struct result {
    std::string done;
    std::string set_aside;
    int tries = 0;
};

// Counts, and hands out again what went wrong. When everything is accounted for, it leaves, the
// queue ends, and the workers go home.
covey::task<> keep_account(std::vector<job> all, covey::send_channel<job> queue,
                           covey::receive_channel<report> reports, result& told) {
    const std::size_t count = all.size();
    for (const job& each : all) co_await queue.send(each);
    while (told.done.size() + told.set_aside.size() < count) {
        report next = co_await reports.receive();
        ++told.tries;
        if (next.is_done)
            told.done += next.about.name;
        else if (++next.about.tries < 3)
            co_await queue.send(next.about);
        else
            told.set_aside += next.about.name;
    }
}

covey::task<> run_pool(covey::receive_channel<job> jobs, covey::send_channel<report> reports,
                       chart& drawn) {
    const covey::supervisor_options options = {
        .backoff = {.first = 500ms},
        .budget = covey::budget_scope::child,
        .stop_order = covey::stop_order::together,
    };
    std::optional<covey::supervisor_handle> log;
    co_await covey::with_supervisor(options, [&](covey::supervisor& pool) -> covey::task<> {
        log = pool.handle();
        for (const char* name : {"worker 1", "worker 2", "worker 3"}) {
            co_await pool.start({.name = name}, work, std::string(name), jobs.clone(),
                                reports.clone(), std::ref(drawn));
        }
        jobs.close();
        reports.close();
    });
    timeline::draw(log->events(), 125ms, covey::now(), drawn);
}

covey::task<> run_queue(std::vector<job> all, result& told) {
    auto [queue_in, queue] = covey::open_memory_channel<job>(covey::unbounded);
    auto [reports_in, reports] = covey::open_memory_channel<report>(covey::unbounded);
    chart drawn;
    co_await covey::with_nursery([&](covey::nursery& nursery) {
        nursery.start_soon(keep_account, std::move(all), std::move(queue_in), std::move(reports),
                           std::ref(told));
        nursery.start_soon(run_pool, std::move(queue), std::move(reports_in), std::ref(drawn));
    });
}

}  // namespace

int main() {
    std::vector<job> all;
    for (char name = 'A'; name <= 'L'; ++name) all.push_back({name, 1s});
    result told;
    covey::testing::virtual_clock clock;
    covey::run({.clock = &clock, .seed = 1}, run_queue, all, std::ref(told));
    fmt::print("a letter: works on that job   ━ is free   ✗ crashes   · waits to be started\n\n");
    fmt::print("done: {}\nset aside after three tries: {}\n", told.done, told.set_aside);
    fmt::print("{} jobs in {} tries\n", all.size(), told.tries);
    const bool all_accounted_for = told.done.size() == 11 && told.set_aside == "D";
    return all_accounted_for ? 0 : 1;
}
