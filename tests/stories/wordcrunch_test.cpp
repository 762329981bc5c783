// SPDX-License-Identifier: BSL-1.0
// examples/wordcrunch, run for real as its users run it: against grep, with paths that can't be
// read, stopped by a limit and by Ctrl-C, and measured.
#include "stories/scratch_folder.hpp"
#include "support/catch.hpp"
#include "support/usage.hpp"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <pty.h>
#include <random>
#include <spawn.h>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <sys/resource.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

using covey_tests::scratch_folder;
using strings = std::vector<std::string>;

std::string contents(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

bool contains(const std::string& text, std::string_view part) {
    return text.find(part) != std::string::npos;
}

// A running wordcrunch. Its output goes to files, or to descriptors given.
class program {
 public:
    explicit program(const strings& arguments, int out = -1, int err = -1) {
        strings words = arguments;
        words.insert(words.begin(), COVEY_WORDCRUNCH);
        std::vector<char*> argv;
        for (std::string& each : words) argv.push_back(each.data());
        argv.push_back(nullptr);
        const int out_file = out < 0 ? open_output("out") : out;
        const int err_file = err < 0 ? open_output("err") : err;
        posix_spawn_file_actions_t actions;
        ::posix_spawn_file_actions_init(&actions);
        ::posix_spawn_file_actions_adddup2(&actions, out_file, STDOUT_FILENO);
        ::posix_spawn_file_actions_adddup2(&actions, err_file, STDERR_FILENO);
        // Returns when the program runs, with the test's own signal handlers gone.
        const int error = ::posix_spawn(&id_, argv[0], &actions, nullptr, argv.data(), environ);
        ::posix_spawn_file_actions_destroy(&actions);
        if (out < 0) ::close(out_file);
        if (err < 0) ::close(err_file);
        if (error != 0) throw std::runtime_error("cannot start " + words[0]);
    }
    program(const program&) = delete;
    program& operator=(const program&) = delete;
    ~program() {
        if (id_ <= 0) return;
        ::kill(id_, SIGKILL);
        ::waitpid(id_, nullptr, 0);
    }

    void signal(int number) const { REQUIRE(::kill(id_, number) == 0); }

    // Waits until the program catches Ctrl-C, or no longer does.
    void wait_until_ctrl_c_is_caught(bool caught) const {
        while (catches_ctrl_c() != caught) std::this_thread::sleep_for(1ms);
    }

    // Waits for the end; the exit status, or minus the signal that ended it.
    int wait() {
        int status = 0;
        rusage usage{};
        REQUIRE(::wait4(id_, &status, 0, &usage) == id_);
        id_ = 0;
        peak_kilobytes_ = usage.ru_maxrss;
        return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
    }

    [[nodiscard]] std::string out() const { return contents(files_.at("out")); }
    [[nodiscard]] std::string err() const { return contents(files_.at("err")); }
    [[nodiscard]] long peak_kilobytes() const { return peak_kilobytes_; }

 private:
    [[nodiscard]] int open_output(const std::string& name) const {
        return ::open(files_.at(name).c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    }

    [[nodiscard]] bool catches_ctrl_c() const {
        std::istringstream status(contents("/proc/" + std::to_string(id_) + "/status"));
        for (std::string line; std::getline(status, line);) {
            if (!line.starts_with("SigCgt:")) continue;
            const auto mask = std::stoull(line.substr(7), nullptr, 16);
            return (mask >> (SIGINT - 1) & 1) != 0;
        }
        throw std::runtime_error("the program has ended too early");
    }

    scratch_folder files_;
    pid_t id_ = 0;
    long peak_kilobytes_ = 0;
};

struct outcome {
    int status;
    std::string out, err;
};

outcome run(const strings& arguments) {
    program running(arguments);
    const int status = running.wait();
    return {status, running.out(), running.err()};
}

std::string grep_counts(const strings& paths) {
    const scratch_folder folder;
    std::string command = "export LC_ALL=C; grep -rhoaE '[A-Za-z_][A-Za-z0-9_]*'";
    for (const std::string& path : paths) command += " '" + path + "'";
    command += " | sort | uniq -c >" + folder.at("counts");
    REQUIRE(std::system(command.c_str()) == 0);
    return contents(folder.at("counts"));
}

strings with(strings arguments, const strings& more) {
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
}

// Text of all kinds: words of every length, numbers grown together with words, bytes that belong
// to nothing.
std::string random_text(std::mt19937& random, std::size_t size) {
    static constexpr std::string_view letters = "abcxyz_ABZ0189";
    const auto below = [&](std::size_t limit) -> std::size_t { return random() % limit; };
    std::string text;
    while (text.size() < size) {
        for (std::size_t n = below(below(20) == 0 ? 200 : 8); n > 0; --n) {
            text += letters[below(letters.size())];
        }
        text += below(4) == 0 ? static_cast<char>(below(256)) : " \n\t+-*/(;"[below(9)];
    }
    return text;
}

// Files of all sizes and kinds in folders of several depths.
void plant_tree(const scratch_folder& folder) {
    std::mt19937 random(20240229);
    for (int i = 0; i < 40; ++i) {
        const std::string where = "tree/" + std::string(i % 3 == 0 ? "a/" : "b/c/");
        folder.write(where + std::to_string(i), random_text(random, random() % 3000));
    }
    folder.write("tree/empty", "");
    folder.write("tree/nuls", std::string("one\0two\0\0three", 14));
    folder.write("tree/no newline", "the_last_word");
    folder.write("tree/only digits", std::string(5000, '7'));
    folder.write("tree/one long word", std::string(5000, 'w'));
    folder.write("tree/utf8", "na\xc3\xafve caf\xc3\xa9 \xff\xfe x\xcc\x81y");
    fs::create_symlink("nuls", folder.at("tree/link"));
    fs::create_symlink("nowhere", folder.at("tree/dangling"));
}

constexpr auto headers = "/usr/include/linux";

}  // namespace

TEST_CASE("wordcrunch counts as grep, sort and uniq do") {
    const scratch_folder folder;
    plant_tree(folder);
    const std::string tree = folder.at("tree");
    const std::string expected = grep_counts({tree});

    for (const std::string buffer : {"1", "2", "3", "7", "64", "262144"}) {
        for (const std::string tasks : {"1", "3"}) {
            CAPTURE(buffer, tasks);
            const outcome counted = run({"--counts", "--buffer", buffer, "--workers", tasks,
                                         "--readers", tasks, "--capacity", "2", tree});
            CHECK(counted.status == 0);
            CHECK(counted.err.empty());
            // Not CHECK(a == b): it would print both.
            CHECK((counted.out == expected));
        }
    }
}

TEST_CASE("wordcrunch counts the machine's headers as grep does, whatever the channels hold") {
    const std::string expected = grep_counts({headers});
    REQUIRE_FALSE(expected.empty());
    for (const std::string capacity : {"0", "1", "16"}) {
        CAPTURE(capacity);
        const outcome counted =
            run({"--counts", "--capacity", capacity, "--workers", "2", headers});
        CHECK(counted.status == 0);
        CHECK((counted.out == expected));
    }
}

TEST_CASE("wordcrunch follows a link only when it is given, as grep -r does") {
    const scratch_folder folder;
    folder.write("tree/file", "inside");
    folder.write("elsewhere", "outside");
    fs::create_symlink("../elsewhere", folder.at("tree/link"));
    fs::create_symlink("tree", folder.at("given"));
    for (const strings& paths : {strings{folder.at("tree")}, strings{folder.at("given")},
                                 strings{folder.at("tree/link"), folder.at("tree")}}) {
        CHECK(run(with({"--counts"}, paths)).out == grep_counts(paths));
    }
}

TEST_CASE("wordcrunch reports the most frequent identifiers") {
    const scratch_folder folder;
    folder.write("tree/one", "twice thrice thrice");
    folder.write("tree/two", "twice thrice once");

    const outcome shown = run({"--top", "2", folder.at("tree")});

    CHECK(shown.status == 0);
    CHECK(shown.err.empty());
    CHECK(contains(shown.out, "  1  thrice  3  ████████"));
    CHECK(contains(shown.out, "  2  twice   2  ████████"));
    CHECK_FALSE(contains(shown.out, "once"));
    CHECK(contains(shown.out, "2 files, 36 bytes in "));
    CHECK(contains(shown.out, "6 identifiers, 3 different\n"));
    for (const char* name : {"walk", "read", "count", "merge", "paths", "chunks", "tallies"}) {
        CHECK(contains(shown.out, name));
    }
}

TEST_CASE("wordcrunch lists what it can't read and goes on") {
    const scratch_folder folder;
    const std::string file = folder.write("file", "word");
    fs::create_symlink("nowhere", folder.at("dangling"));

    const outcome shown = run({folder.at("missing"), file, folder.at("dangling"), "/dev/null"});

    CHECK(shown.status == 0);
    CHECK(contains(shown.out, "1 file, 4 bytes"));
    CHECK(contains(shown.out, "3 paths could not be read:\n"));
    CHECK(contains(shown.out, folder.at("missing") + ": No such file or directory\n"));
    CHECK(contains(shown.out, folder.at("dangling") + ": No such file or directory\n"));
    CHECK(contains(shown.out, "/dev/null: Neither a regular file nor a folder\n"));
}

TEST_CASE("wordcrunch --fail-fast stops at what it can't read and names it") {
    const scratch_folder folder;
    const std::string missing = folder.at("missing");

    const outcome walked = run({"--fail-fast", headers, missing, headers});
    CHECK(walked.status == 1);
    CHECK(walked.out.empty());
    CHECK(walked.err == "wordcrunch: cannot read " + missing + ": No such file or directory\n");

    const outcome read = run({"--fail-fast", headers, "/proc/self/mem", headers});
    CHECK(read.status == 1);
    CHECK(contains(read.err, "wordcrunch: cannot read /proc/self/mem: "));
}

TEST_CASE("wordcrunch --limit shows a partial result and says so") {
    const outcome nothing = run({"--limit", "0", headers});
    CHECK(nothing.status == 0);
    CHECK(contains(nothing.out, "A partial result: --limit stopped it after "));

    const strings often(1000, headers);
    const outcome something = run(with({"--limit", "0.2"}, often));
    CHECK(something.status == 0);
    CHECK(contains(something.out, "A partial result: --limit stopped it after "));
    CHECK(contains(something.out, "  1  "));

    const outcome enough = run({"--limit", "1e12", headers});
    CHECK(enough.status == 0);
    CHECK_FALSE(contains(enough.out, "partial"));
}

TEST_CASE("wordcrunch shows a partial result after Ctrl-C") {
    program running(strings(1000, headers));
    running.wait_until_ctrl_c_is_caught(true);
    running.signal(SIGINT);
    CHECK(running.wait() == 130);
    CHECK(contains(running.out(), "A partial result: Ctrl-C stopped it after "));
}

TEST_CASE("a second Ctrl-C ends wordcrunch at once") {
    int ends[2] = {};
    REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
    // A pipe that is full: the program can't finish its report.
    REQUIRE(::fcntl(ends[1], F_SETFL, O_NONBLOCK) == 0);
    while (::write(ends[1], "full", 4) > 0) continue;
    REQUIRE(::fcntl(ends[1], F_SETFL, 0) == 0);

    program running(strings(1000, headers), ends[1]);
    running.wait_until_ctrl_c_is_caught(true);
    running.signal(SIGINT);
    running.wait_until_ctrl_c_is_caught(false);
    running.signal(SIGINT);
    CHECK(running.wait() == -SIGINT);
    ::close(ends[0]);
    ::close(ends[1]);
}

TEST_CASE("wordcrunch shows its progress on a terminal") {
    int terminal = -1, program_side = -1;
    if (::openpty(&terminal, &program_side, nullptr, nullptr, nullptr) != 0) {
        WARN("not tested: there are no terminals here");
        return;
    }
    program running(with({"--limit", "0.5"}, strings(1000, headers)), -1, program_side);
    CHECK(running.wait() == 0);
    std::string shown(4000, '\0');
    const ssize_t length = ::read(terminal, shown.data(), shown.size());
    REQUIRE(length > 0);
    shown.resize(static_cast<std::size_t>(length));
    CHECK(contains(shown, "\r\x1b[K⠋ "));
    CHECK(contains(shown, " MB/s"));
    CHECK(shown.ends_with("\r\x1b[K"));
    ::close(terminal);
    ::close(program_side);
}

TEST_CASE("wordcrunch refuses a wrong option with status 2") {
    const outcome unknown = run({"--worker", "2"});
    CHECK(unknown.status == 2);
    CHECK(unknown.out.empty());
    CHECK(unknown.err ==
          "wordcrunch: there is no option --worker; --help shows those there are, and after -- "
          "everything is a path\n");
    CHECK(run({"--workers", "none"}).status == 2);

    const outcome help = run({"--help"});
    CHECK(help.status == 0);
    CHECK(contains(help.out, "usage: wordcrunch"));
}

TEST_CASE("wordcrunch says when its output can't be written") {
    const int full = ::open("/dev/full", O_WRONLY | O_CLOEXEC);
    REQUIRE(full >= 0);
    program running({"--counts", headers}, full);
    CHECK(running.wait() == 1);
    CHECK(running.err() == "wordcrunch: cannot write to standard output\n");
    ::close(full);
}

TEST_CASE("wordcrunch needs no more memory for a tree listed ten times") {
    if (support::is_sanitized) return;
    // The least of three: what else the machine does only adds.
    const auto peak_kilobytes = [](std::size_t times) {
        long least = std::numeric_limits<long>::max();
        for (int i = 0; i < 3; ++i) {
            program running(strings(times, headers));
            REQUIRE(running.wait() == 0);
            least = std::min(least, running.peak_kilobytes());
        }
        return static_cast<double>(least);
    };
    const double once = peak_kilobytes(1);
    const double ten_times = peak_kilobytes(10);
    CAPTURE(once, ten_times);
    CHECK(ten_times <= 1.1 * once);
}
