// SPDX-License-Identifier: BSL-1.0
//
// What       From a signal to the scopes of the runs that want to know.
//
//              signal -> handler: default again, note the number, post -> the helper: cancel scopes
//
// Invariants The handler makes async-signal-safe calls only. It gives both signals back to the
//            system before anything else, so the second one acts as by default. Dispositions are
//            taken by the first watch and given back by the last one, unless the program has set
//            its own meanwhile.
// Threads    The registry under its lock, which comes before the tree locks of all runs; what the
//            handler uses is atomic. The helper starts with the first watch of the process and
//            stays, asleep: starting a thread for each run would cost more than a short run.
// Lifetime   The registry is never destroyed: the helper outlives every static object. A process
//            that was forked has no helper; its first watch starts one, and until then its handler
//            does what the default would.
// Rejected   Waking a worker from the handler: it may be busy for long, and parking would have to
//            be async-signal-safe. A signal mask with sigwait: it has to be set before any other
//            thread starts, and it is not ours.

#include "interrupts.hpp"

#include "scope_tree.hpp"

#include <covey/lowlevel/thread.hpp>

#include <cerrno>
#include <csignal>
#include <pthread.h>
#include <semaphore.h>
#include <system_error>
#include <unistd.h>

namespace covey::detail {

namespace {

using lowlevel::mutex_guard;
using lowlevel::order;

// One of the two signals, and what it did before.
struct signal_slot {
    const int number;
    const char* const name;
    lowlevel::atomic<bool> is_ours{false};
    struct sigaction before{};  // guarded by the registry's lock

    signal_slot(int signal, const char* text) noexcept : number(signal), name(text) {}
};

struct registry {
    signal_slot slots[2] = {{SIGINT, "SIGINT"}, {SIGTERM, "SIGTERM"}};

    // Atomic: the handler's.
    lowlevel::atomic<int> came{0};    // the number; 0: none since the first watch began
    lowlevel::atomic<pid_t> home{0};  // the process in which the helper runs
    sem_t posted{};

    lowlevel::atomic<int> last{0};

    lowlevel::mutex lock;
    lowlevel::intrusive_list<interrupt_watch> watches;  // guarded by lock
    bool is_delivered = false;                          // guarded by lock
};

registry& the_registry() noexcept {
    static registry& only = *new registry();
    return only;
}

lowlevel::atomic<registry*> known_to_handler{nullptr};  // set before a handler is installed

void give_back_to_default(int number) noexcept {
    struct sigaction standard{};
    standard.sa_handler = SIG_DFL;
    sigaction(number, &standard, nullptr);
}

extern "C" void covey_on_interrupt(int number) {
    const int error_before = errno;
    registry& all = *known_to_handler.load(order::acquire);
    for (signal_slot& each : all.slots)
        if (each.is_ours.exchange(false, order::acq_rel)) give_back_to_default(each.number);
    const bool is_second = all.came.exchange(number, order::acq_rel) != 0;
    if (is_second || all.home.load(order::acquire) != getpid())
        raise(number);  // acts when this handler returns
    else
        sem_post(&all.posted);
    errno = error_before;
}

void deliver(registry& all) noexcept {
    const mutex_guard held(all.lock);
    const int number = all.came.load(order::acquire);
    if (number == 0 || all.is_delivered) return;
    all.is_delivered = true;
    all.last.store(number, order::release);
    const char* name = number == all.slots[0].number ? all.slots[0].name : all.slots[1].name;
    for (interrupt_watch* each = all.watches.front(); each != nullptr;
         each = all.watches.after(*each))
        scope_tree::cancel(each->scope(), cancel_source::interrupt, name);
}

void help(registry& all) noexcept {
    pthread_setname_np(pthread_self(), "covey signals");
    for (;;) {
        if (sem_wait(&all.posted) == 0) deliver(all);
    }
}

// Signals go to threads of the program, so that a debugger and a profiler find them there.
void start_helper_locked(registry& all) {
    const pid_t here = getpid();
    if (all.home.load(order::relaxed) == here) return;
    sem_init(&all.posted, 0, 0);
    sigset_t every, before;
    sigfillset(&every);
    pthread_sigmask(SIG_SETMASK, &every, &before);
    try {
        lowlevel::thread([&all] { help(all); }).detach();
    } catch (...) {
        pthread_sigmask(SIG_SETMASK, &before, nullptr);
        throw;
    }
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    all.home.store(here, order::release);
}

[[nodiscard]] bool is_default(const struct sigaction& action) noexcept {
    return (action.sa_flags & SA_SIGINFO) == 0 && action.sa_handler == SIG_DFL;
}

void take_signals_locked(registry& all) {
    for (signal_slot& each : all.slots) {
        if (sigaction(each.number, nullptr, &each.before) != 0 || !is_default(each.before))
            continue;
        start_helper_locked(all);
        known_to_handler.store(&all, order::release);
        struct sigaction ours{};
        ours.sa_handler = covey_on_interrupt;
        ours.sa_flags = SA_RESTART;
        sigemptyset(&ours.sa_mask);
        for (const signal_slot& other : all.slots) sigaddset(&ours.sa_mask, other.number);
        each.is_ours.store(true, order::release);
        sigaction(each.number, &ours, nullptr);
    }
}

void give_signals_back_locked(registry& all) noexcept {
    for (signal_slot& each : all.slots) {
        if (!each.is_ours.exchange(false, order::acq_rel)) continue;
        struct sigaction now{};
        sigaction(each.number, nullptr, &now);
        if (now.sa_handler == covey_on_interrupt) sigaction(each.number, &each.before, nullptr);
    }
}

}  // namespace

interrupt_watch::interrupt_watch(cancel_scope& scope) : scope_(scope) {
    registry& all = the_registry();
    const mutex_guard held(all.lock);
    if (all.watches.empty()) {
        all.came.store(0, order::release);
        all.is_delivered = false;
        take_signals_locked(all);
    }
    all.watches.push_back(*this);
}

interrupt_watch::~interrupt_watch() {
    registry& all = the_registry();
    const mutex_guard held(all.lock);
    all.watches.remove(*this);
    if (all.watches.empty()) give_signals_back_locked(all);
}

int last_interrupt() noexcept { return the_registry().last.load(order::acquire); }

}  // namespace covey::detail
