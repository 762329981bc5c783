// SPDX-License-Identifier: BSL-1.0
#include "support/caf.hpp"
#include "support/catch.hpp"
#include "support/run_virtual.hpp"

#include <covey/actor.hpp>
#include <covey/caf.hpp>
#include <covey/checkpoint.hpp>
#include <covey/event.hpp>
#include <covey/exception_group.hpp>
#include <covey/nursery.hpp>
#include <covey/supervisor.hpp>
#include <covey/timeout.hpp>
#include <covey/to_thread.hpp>

#include <caf/default_attachable.hpp>

#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using Catch::Matchers::Contains;
using covey::caf_host;

namespace {

using add = caf::atom_constant<caf::atom("add")>;
using divide = caf::atom_constant<caf::atom("divide")>;
using wait_for = caf::atom_constant<caf::atom("wait")>;
using fail = caf::atom_constant<caf::atom("fail")>;
using refuse = caf::atom_constant<caf::atom("refuse")>;
using any = caf::atom_constant<caf::atom("any")>;
using maybe = caf::atom_constant<caf::atom("maybe")>;

using sum_of = std::tuple<add, int, int>;
using quotient_of = std::tuple<divide, int, int>;
using text_after = std::tuple<wait_for, std::string>;

// Replies in every way that there is, and writes down what it was told.
class clerk : public covey::actor {
 public:
    explicit clerk(support::trace& log, covey::event* gate = nullptr) : log_(log), gate_(gate) {}

    int handle(int x) {
        log_.note(std::to_string(x));
        return x + 1;
    }
    int handle(sum_of m) { return std::get<1>(m) + std::get<2>(m); }
    std::tuple<int, int> handle(quotient_of m) {
        const auto [what, a, b] = m;
        if (b == 0) throw std::invalid_argument("by zero");
        return {a / b, a % b};
    }
    void handle(std::string text) { log_.note(std::move(text)); }
    covey::task<std::string> handle(text_after m) {
        log_.note("(" + std::get<1>(m));
        co_await gate_->wait();
        log_.note(std::get<1>(m) + ")");
        co_return std::get<1>(m);
    }
    void handle(fail) { throw std::runtime_error("no luck"); }
    int handle(refuse) {
        throw covey::caf_error("refused", caf::make_error(caf::sec::invalid_argument, "so it is"));
    }
    caf::message handle(any) { return caf::make_message(1, std::string("two")); }
    caf::expected<int> handle(std::tuple<maybe, bool> m) {
        if (std::get<1>(m)) return 7;
        return caf::make_error(caf::sec::no_context);
    }
    void handle(const caf::down_msg& m) {
        log_.note(m.reason == caf::exit_reason::kill ? "killed" : "down");
    }

 protected:
    // A refusal is no failure.
    covey::verdict on_error(const std::exception_ptr& error) override {
        try {
            std::rethrow_exception(error);
        } catch (const covey::caf_error&) {
            return covey::verdict::resume;
        } catch (...) {
            return covey::verdict::restart;
        }
    }
    covey::task<> on_stop(covey::exit_reason) override {
        log_.note("stop");
        co_return;
    }

 private:
    support::trace& log_;
    covey::event* gate_;
};

caf::actor face_of(const caf_host& host, const covey::actor_ref<clerk>& ref) {
    return host.as_caf<int, sum_of, quotient_of, std::string, text_after, fail, refuse, any,
                       std::tuple<maybe, bool>, caf::down_msg>(ref);
}

// A host, and a clerk in a nursery around its block: body(host, clerk, log, gate).
struct office {
    caf_host& host;
    covey::actor_ref<clerk> ref;
    caf::actor face;
    support::trace& log;
    covey::event& gate;
};
template <class F>
void with_clerk(covey::child_options options, F body) {
    support::run_virtual([&]() -> covey::task<> {
        support::trace log;
        covey::event gate;
        co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
            const auto ref =
                co_await covey::start_actor<clerk>(nursery, options, std::ref(log), &gate);
            co_await covey::with_caf([&](caf_host& host) -> covey::task<> {
                office at{host, ref, face_of(host, ref), log, gate};
                co_await body(at);
            });
            ref.stop();
        });
    });
}
template <class F>
void with_clerk(F body) {
    with_clerk({}, std::move(body));
}

// What a request throws, as CAF's error.
template <class T>
covey::task<caf::error> failure_of(covey::task<T> request) {
    try {
        co_await std::move(request);
    } catch (const covey::caf_error& error) {
        co_return error.error();
    }
    co_return caf::error{};
}
std::string text_of(const caf::error& error) {
    return error.context().empty() ? "" : error.context().get_as<std::string>(0);
}

// The reason of an actor's end, once it has one.
struct ending {
    covey::event happened;
    caf::error reason;
    int times = 0;
};
std::shared_ptr<ending> watch(const caf::actor& actor) {
    auto end = std::make_shared<ending>();
    actor->attach_functor([end](const caf::error& reason) {
        end->reason = reason;
        ++end->times;
        end->happened.set();
    });
    return end;
}

}  // namespace

TEST_CASE("a face answers with what the handler returns") {
    with_clerk([](office& at) -> covey::task<> {
        const int next = co_await at.host.request<int>(at.face, 1s, 1);
        CHECK(next == 2);
        const int sum = co_await at.host.request<int>(at.face, 1s, add::value, 20, 22);
        CHECK(sum == 42);
        const auto [ratio, rest] =
            co_await at.host.request<std::tuple<int, int>>(at.face, 1s, divide::value, 17, 5);
        CHECK(ratio == 3);
        CHECK(rest == 2);
        co_await at.host.request(at.face, 1s, std::string("told"));
        const auto [one, two] =
            co_await at.host.request<std::tuple<int, std::string>>(at.face, 1s, any::value);
        CHECK(one == 1);
        CHECK(two == "two");
        const int seven = co_await at.host.request<int>(at.face, 1s, maybe::value, true);
        CHECK(seven == 7);
        CHECK(at.log.text() == "1 told");
        CHECK(at.host.statistics().faces == 1);
    });
}

TEST_CASE("a face in a system with threads of its own") {
    support::run_checked({.workers = 1}, []() -> covey::task<> {
        support::trace log;
        co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
            const auto ref = co_await covey::start_actor<clerk>(nursery, std::ref(log));
            co_await covey::with_caf({.on_workers = false}, [&](caf_host& host) -> covey::task<> {
                const caf::actor face = face_of(host, ref);
                const int next = co_await host.request<int>(face, 10s, 1);
                CHECK(next == 2);
                // The block waits for it, and it for the face.
                host.system().spawn([=](caf::event_based_actor* self) {
                    self->request(face, caf::infinite, 2).then([=](int x) { self->send(face, x); });
                });
            });
            ref.stop();
            co_await ref.watch();
        });
        CHECK(log.text() == "1 2 3 stop");
    });
}

TEST_CASE("a handler that waits answers later, and CAF's time limit is the asker's") {
    with_clerk([](office& at) -> covey::task<> {
        std::string answer;
        caf::error error;
        at.host.system().spawn([&, face = at.face](caf::event_based_actor* self) {
            self->request(face, caf::infinite, wait_for::value, std::string("a"))
                .then([&](const std::string& text) { answer = text; });
            self->request(face, 1s, wait_for::value, std::string("b"))
                .then([](const std::string&) {}, [&](const caf::error& why) { error = why; });
        });
        co_await covey::sleep_for(5s);
        CHECK(error == caf::sec::request_timeout);
        CHECK(answer == "");
        at.gate.set();
        co_await covey::sleep_for(1s);
        CHECK(answer == "a");
        CHECK(at.log.text() == "(a a) (b b)");
    });
}

TEST_CASE("a blocking actor asks, on a thread of its own") {
    with_clerk([](office& at) -> covey::task<> {
        const int next = co_await covey::to_thread([&] {
            caf::scoped_actor self(at.host.system());
            int result = 0;
            self->request(at.face, 10s, 41)
                .receive([&](int x) { result = x; }, [](const caf::error&) {});
            return result;
        });
        CHECK(next == 42);
    });
}

TEST_CASE("a request that is delegated to a face is answered to who has asked") {
    with_clerk([](office& at) -> covey::task<> {
        const auto front =
            at.host.system().spawn([face = at.face](caf::event_based_actor* self) -> caf::behavior {
                return {[=](int x) { return self->delegate(face, x); }};
            });
        const int next = co_await at.host.request<int>(front, 1s, 1);
        CHECK(next == 2);
        caf::anon_send_exit(front, caf::exit_reason::user_shutdown);
    });
}

TEST_CASE("faces in composed actors: each passes its answer on, and an error goes to the asker") {
    with_clerk([](office& at) -> covey::task<> {
        const caf::actor twice = at.host.system().spawn(
            [] { return caf::behavior{[](int x) { return 2 * x; }, [](caf::unit_t) {}}; });
        const int before = co_await at.host.request<int>(twice * at.face, 1s, 10);
        CHECK(before == 22);
        const int after = co_await at.host.request<int>(at.face * twice, 1s, 10);
        CHECK(after == 21);
        const int both = co_await at.host.request<int>(at.face * at.face, 1s, 10);
        CHECK(both == 12);
        const caf::error error =
            co_await failure_of(at.host.request<int>(twice * at.face, 1s, refuse::value));
        CHECK(error == caf::sec::invalid_argument);
        caf::anon_send(at.face * at.face, 30);
        co_await covey::sleep_for(1s);
        CHECK(at.log.text() == "10 20 10 11 30 31");
        caf::anon_send_exit(twice, caf::exit_reason::user_shutdown);
    });
}

TEST_CASE("errors: of the handler's own choice, or its exception's text, an unknown message") {
    with_clerk([](office& at) -> covey::task<> {
        const caf::error refused =
            co_await failure_of(at.host.request<int>(at.face, 1s, refuse::value));
        CHECK(refused == caf::sec::invalid_argument);
        CHECK(text_of(refused) == "so it is");
        const caf::error none =
            co_await failure_of(at.host.request<int>(at.face, 1s, maybe::value, false));
        CHECK(none == caf::sec::no_context);
        const caf::error unknown = co_await failure_of(at.host.request<int>(at.face, 1s, 1.5));
        INFO(at.host.system().render(unknown));
        CHECK(unknown == caf::sec::unexpected_message);
        caf::anon_send(at.face, 1.5);
        CHECK(at.host.statistics().messages_dropped == 1);
    });
}

TEST_CASE("CAF's question who it is") {
    with_clerk({.name = "the clerk"}, [](office& at) -> covey::task<> {
        const auto [ok, what, who, name] =
            co_await at.host
                .request<std::tuple<caf::ok_atom, std::string, caf::strong_actor_ptr, std::string>>(
                    at.face, 1s, caf::sys_atom::value, caf::get_atom::value, std::string("info"));
        CHECK(who == at.face);
        CHECK(name == "the clerk");
        const caf::error error = co_await failure_of(at.host.request<int>(
            at.face, 1s, caf::sys_atom::value, caf::get_atom::value, std::string("?")));
        CHECK(error == caf::sec::unsupported_sys_key);
    });
}

TEST_CASE("messages and requests of one sender keep their order") {
    with_clerk([](office& at) -> covey::task<> {
        at.host.system().spawn([face = at.face](caf::event_based_actor* self) {
            self->send(face, 1);
            self->request(face, caf::infinite, 2).then([](int) {});
            self->send(face, std::string("3"));
            self->request(face, caf::infinite, 4).then([](int) {});
            self->send(face, 5);
        });
        co_await covey::sleep_for(1s);
        CHECK(at.log.text() == "1 2 3 4 5");
    });
}

TEST_CASE("the same actor with the same messages is the same CAF actor") {
    with_clerk([](office& at) -> covey::task<> {
        CHECK(face_of(at.host, at.ref) == at.face);
        CHECK(at.host.as_caf<int>(at.ref) != at.face);
        CHECK(at.host.as_caf<int>(at.ref) == at.host.as_caf<int>(at.ref));
        CHECK(at.host.statistics().faces == 2);
        CHECK_THROWS_AS(static_cast<void>(at.host.as_caf<int>(covey::actor_ref<clerk>{})),
                        std::logic_error);
        co_return;
    });
}

TEST_CASE("full: a request is refused at once, a message dropped and counted, down_msg accepted") {
    with_clerk({.mailbox = 1}, [](office& at) -> covey::task<> {
        caf::anon_send(at.face, wait_for::value, std::string("x"));
        co_await covey::sleep_for(1s);
        caf::anon_send(at.face, 1);
        const caf::error full = co_await failure_of(at.host.request<int>(at.face, 1h, 2));
        CHECK(full == caf::sec::unavailable_or_would_block);
        CHECK_THAT(text_of(full), Contains("is full"));
        caf::anon_send(at.face, 3);
        CHECK(at.host.statistics().messages_dropped == 1);
        caf::anon_send(at.face,
                       caf::down_msg{caf::actor_addr{}, caf::make_error(caf::exit_reason::kill)});
        at.gate.set();
        co_await covey::sleep_for(1s);
        CHECK(at.log.text() == "(x x) 1 killed");
        CHECK(at.host.statistics().messages_dropped == 1);
    });
}

TEST_CASE("full, with overflow::fail and overflow::drop_oldest: their policy applies") {
    for (const auto policy : {covey::overflow::fail, covey::overflow::drop_oldest}) {
        with_clerk({.mailbox = 1, .overflow = policy}, [&](office& at) -> covey::task<> {
            caf::anon_send(at.face, wait_for::value, std::string("x"));
            co_await covey::sleep_for(1s);
            caf::error error;
            co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
                nursery.start_soon([&]() -> covey::task<> {
                    error = co_await failure_of(at.host.request<int>(at.face, 1h, 1));
                });
                co_await covey::sleep_for(1s);
                caf::anon_send(at.face, 2);
                at.gate.set();
            });
            co_await covey::sleep_for(1s);
            if (policy == covey::overflow::fail) {
                CHECK_FALSE(error);
                CHECK(at.log.text() == "(x x) 1");
                CHECK(at.host.statistics().messages_dropped == 1);
            } else {
                CHECK(error == caf::sec::unavailable_or_would_block);
                CHECK(at.log.text() == "(x x) 2");
            }
        });
    }
}

TEST_CASE("full: an exit message still stops the actor, and what waits is answered") {
    with_clerk({.mailbox = 1}, [](office& at) -> covey::task<> {
        const auto end = watch(at.face);
        caf::anon_send(at.face, wait_for::value, std::string("x"));
        co_await covey::sleep_for(1s);
        caf::error error;
        co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
            nursery.start_soon([&]() -> covey::task<> {
                error = co_await failure_of(at.host.request<int>(at.face, 1h, 1));
            });
            co_await covey::sleep_for(1s);
            caf::anon_send_exit(at.face, caf::exit_reason::kill);
        });
        CHECK(error == caf::sec::request_receiver_down);
        at.gate.set();
        co_await end->happened.wait();
        CHECK(end->reason == caf::exit_reason::kill);
        CHECK(at.log.text() == "(x x) stop");
    });
}

TEST_CASE("an actor that has stopped: monitors are told once, requests bounce, as_caf is dead") {
    with_clerk([](office& at) -> covey::task<> {
        const auto end = watch(at.face);
        std::string seen;
        covey::event down;
        const auto monitor = [&, face = at.face](caf::event_based_actor* self) {
            self->monitor(face);
            self->set_down_handler([&, self](const caf::down_msg& m) {
                seen += m.reason ? "failed" : "normal";
                down.set();
                self->quit();
            });
            return caf::behavior{[](int) {}};
        };
        const caf::actor kept = at.host.system().spawn(monitor);
        co_await covey::sleep_for(1s);
        at.ref.stop();
        co_await down.wait();
        CHECK(seen == "normal");
        CHECK(end->times == 1);
        CHECK_FALSE(end->reason);
        CHECK(at.host.statistics().faces == 0);
        const caf::actor late = face_of(at.host, at.ref);
        CHECK(at.host.statistics().faces == 0);
        CHECK(watch(late)->times == 1);
        for (const caf::actor& dead : {at.face, late}) {
            caf::error error;
            bool answered = false;
            at.host.system().spawn([&](caf::event_based_actor* self) {
                self->request(dead, caf::infinite, 1)
                    .then([](int) {},
                          [&](const caf::error& why) {
                              error = why;
                              answered = true;
                          });
            });
            co_await covey::sleep_for(1s);
            CHECK(answered);
            CHECK(error == caf::sec::request_receiver_down);
            caf::anon_send(dead, 1);
        }
        CHECK(at.host.statistics().messages_dropped == 2);
    });
}

TEST_CASE("links: an end reaches the other side in both directions") {
    with_clerk([](office& at) -> covey::task<> {
        const auto waits = [] { return caf::behavior{[](int) {}}; };
        const caf::actor friendly = at.host.system().spawn(waits);
        const caf::actor failing = at.host.system().spawn(waits);
        const caf::actor other = at.host.system().spawn(waits);
        const auto end = watch(at.face), of_other = watch(other);
        for (const caf::actor& each : {friendly, failing, other})
            caf::actor_cast<caf::monitorable_actor*>(each)->link_to(at.face);
        // A normal end is no reason to end.
        caf::anon_send_exit(friendly, caf::exit_reason::normal);
        caf::anon_send_exit(at.face, caf::exit_reason::normal);
        const int next = co_await at.host.request<int>(at.face, 1s, 1);
        CHECK(next == 2);
        caf::anon_send_exit(failing, caf::exit_reason::user_shutdown);
        co_await of_other->happened.wait();
        CHECK(end->reason == caf::exit_reason::user_shutdown);
        CHECK(of_other->reason == caf::exit_reason::user_shutdown);
        CHECK(at.log.text() == "1 stop");
        caf::anon_send_exit(friendly, caf::exit_reason::user_shutdown);
    });
}

TEST_CASE("a monitor of a face's: its actor gets the down_msg as a message") {
    with_clerk([](office& at) -> covey::task<> {
        const caf::actor watched = at.host.system().spawn([] { return caf::behavior{[](int) {}}; });
        watched->attach(
            caf::default_attachable::make_monitor(watched.address(), at.face.address()));
        caf::anon_send_exit(watched, caf::exit_reason::kill);
        co_await covey::sleep_for(1s);
        CHECK(at.log.text() == "killed");
        const caf::actor deaf = at.host.as_caf<int>(at.ref);
        caf::anon_send(deaf, caf::down_msg{caf::actor_addr{}, caf::error{}});
        CHECK(at.host.statistics().messages_dropped == 1);
    });
}

TEST_CASE("SV26: a handler that throws fails its request at once, and its actor's face") {
    support::run_virtual([]() -> covey::task<> {
        support::trace log;
        caf::error answer, reason;
        bool has_failed = false;
        try {
            co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
                const auto ref = co_await covey::start_actor<clerk>(nursery, std::ref(log));
                co_await covey::with_caf([&](caf_host& host) -> covey::task<> {
                    const caf::actor face = face_of(host, ref);
                    const auto end = watch(face);
                    bool answered = false;
                    host.system().spawn([&](caf::event_based_actor* self) {
                        self->request(face, caf::infinite, fail::value)
                            .then([] {},
                                  [&](const caf::error& why) {
                                      answer = why;
                                      answered = true;
                                  });
                    });
                    co_await covey::shielded([&]() -> covey::task<> {
                        co_await end->happened.wait();
                        while (!answered) co_await covey::checkpoint();
                    });
                    reason = end->reason;
                });
            });
        } catch (const covey::exception_group& errors) {
            has_failed = support::messages_of(errors) == std::vector<std::string>{"no luck"};
        }
        CHECK(has_failed);
        CHECK(answer == caf::sec::runtime_error);
        CHECK_THAT(text_of(answer), Contains("no luck"));
        CHECK(reason == caf::sec::runtime_error);
        CHECK(text_of(reason) == "no luck");
    });
}

TEST_CASE("SV21: restarts are invisible, only the request in progress fails") {
    support::run_virtual([]() -> covey::task<> {
        support::trace log;
        co_await covey::with_supervisor([&](covey::supervisor& supervisor) -> covey::task<> {
            const auto ref = co_await covey::start_actor<clerk>(
                supervisor, {.restart = covey::restart::permanent}, std::ref(log));
            co_await covey::with_caf([&](caf_host& host) -> covey::task<> {
                const caf::actor face = face_of(host, ref);
                const auto end = watch(face);
                std::vector<caf::error> errors;
                int answers = 0;
                host.system().spawn([&](caf::event_based_actor* self) {
                    self->request(face, caf::infinite, fail::value)
                        .then([] {}, [&](const caf::error& why) { errors.push_back(why); });
                    self->request(face, caf::infinite, 1).then([&](int) { ++answers; });
                });
                co_await covey::sleep_for(1min);
                CHECK(errors.size() == 1);
                CHECK(errors.at(0) == caf::sec::runtime_error);
                CHECK(answers == 1);
                CHECK(end->times == 0);
                CHECK(ref.statistics().incarnation == 2);
                ref.stop();
                co_await end->happened.wait();
                CHECK_FALSE(end->reason);
            });
        });
    });
}

TEST_CASE("shutdown: the block ends first, with requests in progress and in the mailbox") {
    support::run_virtual([]() -> covey::task<> {
        support::trace log;
        covey::event gate;
        std::vector<caf::error> errors;
        caf::actor kept;
        std::shared_ptr<ending> end;
        co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
            const auto ref = co_await covey::start_actor<clerk>(nursery, std::ref(log), &gate);
            co_await covey::with_caf([&](caf_host& host) -> covey::task<> {
                kept = face_of(host, ref);
                end = watch(kept);
                // Hidden: the block doesn't wait for it.
                host.system().spawn<caf::hidden>([&](caf::event_based_actor* self) {
                    const auto note = [&](const caf::error& why) { errors.push_back(why); };
                    self->request(kept, caf::infinite, wait_for::value, std::string("a"))
                        .then([](const std::string&) {}, note);
                    self->request(kept, caf::infinite, 1).then([](int) {}, note);
                    self->send(kept, 2);
                });
                co_await covey::sleep_for(1s);
            });
            CHECK(end->times == 1);
            CHECK(end->reason == caf::exit_reason::user_shutdown);
            gate.set();
            co_await covey::sleep_for(1s);
            CHECK(log.text() == "(a a) 2");
            CHECK(ref.statistics().abandoned == 1);
            caf::anon_send(kept, 3);  // to a dead face
            ref.stop();
        });
        CHECK(log.text() == "(a a) 2 stop");
        CHECK(errors.size() <= 2);
    });
}

TEST_CASE("shutdown: a body that fails while an actor waits for an answer") {
    support::run_virtual([]() -> covey::task<> {
        support::trace log;
        covey::event gate;
        bool has_failed = false;
        co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
            const auto ref = co_await covey::start_actor<clerk>(nursery, std::ref(log), &gate);
            try {
                co_await covey::with_caf([&](caf_host& host) -> covey::task<> {
                    host.system().spawn([face = face_of(host, ref)](caf::event_based_actor* self) {
                        self->request(face, caf::infinite, wait_for::value, std::string("a"))
                            .then([](const std::string&) {});
                    });
                    co_await covey::sleep_for(1s);
                    throw std::runtime_error("enough");
                });
            } catch (const std::runtime_error&) {
                has_failed = true;
            }
            CHECK(has_failed);
            gate.set();
            co_await covey::sleep_for(1s);
            ref.stop();
        });
        CHECK(log.text() == "(a a) stop");
    });
}

TEST_CASE("shutdown: blocking actors that wait for an answer come before the faces") {
    with_clerk([](office& at) -> covey::task<> {
        at.host.system().spawn<caf::detached>([face = at.face](caf::event_based_actor* self) {
            self->request(face, caf::infinite, 1).then([=](int x) { self->send(face, x); });
        });
        co_return;
    });
    SUCCEED("without a hang");
}

TEST_CASE("an actor inside the block, and a request whose asker has gone") {
    support::run_virtual([]() -> covey::task<> {
        support::trace log;
        covey::event gate;
        co_await covey::with_caf([&](caf_host& host) -> covey::task<> {
            co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
                const auto ref = co_await covey::start_actor<clerk>(nursery, std::ref(log), &gate);
                const caf::actor face = face_of(host, ref);
                host.system().spawn([=](caf::event_based_actor* self) {
                    self->request(face, caf::infinite, wait_for::value, std::string("a"))
                        .then([](const std::string&) {});
                    self->quit();
                });
                co_await covey::sleep_for(1s);
                gate.set();
                ref.stop();
            });
            CHECK(log.text() == "(a a) stop");
            CHECK(host.statistics().faces == 0);
        });
    });
}
