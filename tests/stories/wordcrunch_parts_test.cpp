// SPDX-License-Identifier: BSL-1.0
// The parts of examples/wordcrunch that need no tasks: words, chunks, the walk, the command line,
// the report.
#include "counts.hpp"
#include "options.hpp"
#include "read.hpp"
#include "report.hpp"
#include "stories/scratch_folder.hpp"
#include "support/catch.hpp"
#include "tokenizer.hpp"
#include "walk.hpp"

#include <algorithm>
#include <filesystem>
#include <initializer_list>
#include <map>
#include <string>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

namespace {

namespace fs = std::filesystem;

using covey_tests::scratch_folder;
using strings = std::vector<std::string>;

strings words_of(std::string_view text) {
    strings words;
    wordcrunch::for_each_word(text, [&](std::string_view word) { words.emplace_back(word); });
    return words;
}

struct read_outcome {
    strings words;
    std::uint64_t files = 0;
    std::uint64_t bytes = 0;
    std::vector<wordcrunch::skipped_file> skipped;
};

read_outcome read_all(strings paths, std::size_t chunk_size) {
    read_outcome outcome;
    wordcrunch::file_reader reader(chunk_size);
    reader.add(std::move(paths));
    wordcrunch::text_chunk chunk(chunk_size);
    while (!reader.done()) {
        chunk.reset(chunk_size);
        reader.fill(chunk);
        for (std::string& word : words_of(chunk.text())) outcome.words.push_back(std::move(word));
        outcome.files += chunk.files;
        outcome.bytes += chunk.bytes;
        for (auto& each : reader.take_skipped()) outcome.skipped.push_back(std::move(each));
    }
    return outcome;
}

wordcrunch::file_batch walk_all(strings roots) {
    wordcrunch::file_batch all;
    wordcrunch::tree_walker walker(std::move(roots));
    while (!walker.done()) {
        wordcrunch::file_batch batch = walker.next();
        for (auto& each : batch.paths) all.paths.push_back(std::move(each));
        for (auto& each : batch.skipped) all.skipped.push_back(std::move(each));
    }
    std::sort(all.paths.begin(), all.paths.end());
    return all;
}

wordcrunch::options parse(std::initializer_list<const char*> arguments) {
    return wordcrunch::parse_options({arguments.begin(), arguments.size()});
}

std::string refusal(std::initializer_list<const char*> arguments) {
    try {
        parse(arguments);
    } catch (const wordcrunch::usage_error& error) {
        return error.what();
    }
    return "accepted";
}

}  // namespace

TEST_CASE("words are found where grep finds them") {
    CHECK(words_of("") == strings{});
    CHECK(words_of("42 007 +-*/") == strings{});
    CHECK(words_of("int main(){}") == strings{"int", "main"});
    CHECK(words_of("123abc 0x1F 9_9") == strings{"abc", "x1F", "_9"});
    CHECK(words_of("_ __a a1b2 Z") == strings{"_", "__a", "a1b2", "Z"});
    CHECK(words_of(std::string_view("nul\0byte", 8)) == strings{"nul", "byte"});
    CHECK(words_of("na\xc3\xafve\xff@a[`b{") == strings{"na", "ve", "a", "b"});
}

TEST_CASE("a text may be cut after any byte that no word holds") {
    CHECK(wordcrunch::whole_words("") == 0);
    CHECK(wordcrunch::whole_words("word") == 0);
    CHECK(wordcrunch::whole_words("12") == 0);
    CHECK(wordcrunch::whole_words("a bc") == 2);
    CHECK(wordcrunch::whole_words("a bc;") == 5);
}

TEST_CASE("counts add up, one by one and table by table") {
    wordcrunch::word_counts counts;
    std::map<std::string, std::uint64_t> expected;
    for (std::size_t i = 0; i < 20'000; ++i) {
        const std::string word = "w" + std::to_string(i * i % 7919) + std::string(i % 23, 'x');
        counts.add(word);
        ++expected[word];
    }
    wordcrunch::word_counts total;
    total.add("only_here", 7);
    total.add(counts);
    total.add(counts);

    CHECK(counts.distinct() == expected.size());
    CHECK(total.distinct() == expected.size() + 1);
    CHECK(total.count_of("only_here") == 7);
    CHECK(total.count_of("nowhere") == 0);
    for (const auto& [word, count] : expected) {
        REQUIRE(counts.count_of(word) == count);
        REQUIRE(total.count_of(word) == 2 * count);
    }
}

TEST_CASE("a table can be emptied and filled again") {
    wordcrunch::word_counts counts(100);
    for (int i = 0; i < 3000; ++i) counts.add("w" + std::to_string(i));
    counts.clear();
    CHECK(counts.distinct() == 0);
    CHECK(counts.count_of("w1") == 0);
    counts.add("w1", 2);
    CHECK(counts.count_of("w1") == 2);
    CHECK(counts.distinct() == 1);
}

TEST_CASE("a word on a buffer border is read once, whatever the size of the buffer") {
    scratch_folder folder;
    const std::string one = folder.write("one", "alpha beta_2 123gamma\n" + std::string(50, 'x'));
    const std::string two = folder.write("two", "delta");
    const std::string three = folder.write("three", "");
    const std::string four = folder.write("four", "epsilon 1234567890123456789012345678901234567");
    const strings expected{"alpha", "beta_2", "gamma", std::string(50, 'x'), "delta", "epsilon"};

    for (std::size_t size = 1; size < 80; ++size) {
        CAPTURE(size);
        const read_outcome outcome = read_all({one, two, three, four}, size);
        CHECK(outcome.words == expected);
        CHECK(outcome.files == 4);
        CHECK(outcome.bytes == 72 + 5 + 0 + 45);
        CHECK(outcome.skipped.empty());
    }
}

TEST_CASE("small files share a chunk, big ones have many") {
    scratch_folder folder;
    strings paths;
    for (int i = 0; i < 10; ++i) paths.push_back(folder.write("s" + std::to_string(i), "word"));
    wordcrunch::file_reader reader(1024);
    reader.add(paths);
    wordcrunch::text_chunk chunk(1024);
    reader.fill(chunk);
    CHECK(reader.done());
    CHECK(chunk.files == 10);

    std::string text;
    for (int i = 0; i < 1000; ++i) text += "word ";
    reader.add({folder.write("big", text)});
    int chunks = 0;
    for (; !reader.done(); ++chunks) {
        chunk.reset(1024);
        reader.fill(chunk);
        CHECK(chunk.buffer.size() == 1024);
    }
    CHECK(chunks == 5);
}

TEST_CASE("what vanished, and what is no file, is skipped by name") {
    scratch_folder folder;
    const std::string here = folder.write("tree/here", "one two");
    const std::string gone = folder.write("tree/gone", "three");
    strings paths = walk_all({folder.at("tree")}).paths;
    REQUIRE(paths == strings{gone, here});

    fs::remove(gone);
    paths.push_back(folder.at("tree"));
    const read_outcome outcome = read_all(paths, 64);

    CHECK(outcome.words == strings{"one", "two"});
    CHECK(outcome.files == 1);
    REQUIRE(outcome.skipped.size() == 2);
    CHECK(outcome.skipped[0].path == gone);
    CHECK(outcome.skipped[0].reason == "No such file or directory");
    CHECK(outcome.skipped[1].reason == "Not a regular file");
}

TEST_CASE("a file that fails half-way keeps the words before the failure") {
    scratch_folder folder;
    const std::string good = folder.write("good", "good");
    // Opens, is a regular file, and refuses to be read.
    const read_outcome outcome = read_all({good, "/proc/self/mem", good}, 64);
    CHECK(outcome.words == strings{"good", "good"});
    CHECK(outcome.files == 2);
    REQUIRE(outcome.skipped.size() == 1);
    CHECK(outcome.skipped[0].path == "/proc/self/mem");
}

TEST_CASE("the walk finds regular files and follows only the links it was given") {
    scratch_folder folder;
    const std::string top = folder.write("tree/top", "");
    const std::string deep = folder.write("tree/a/b/c/deep", "");
    const std::string other = folder.write("other/file", "");
    fs::create_symlink("../other", folder.at("tree/link_to_folder"));
    fs::create_symlink("top", folder.at("tree/link_to_file"));
    fs::create_symlink("nowhere", folder.at("tree/dangling"));
    fs::create_symlink(".", folder.at("tree/round_and_round"));
    REQUIRE(::mkfifo(folder.at("tree/pipe").c_str(), 0600) == 0);

    const wordcrunch::file_batch tree = walk_all({folder.at("tree")});
    CHECK(tree.paths == strings{deep, top});
    CHECK(tree.skipped.empty());

    const wordcrunch::file_batch link = walk_all({folder.at("tree/link_to_folder")});
    CHECK(link.paths == strings{folder.at("tree/link_to_folder/file")});

    CHECK(walk_all({top, top, top}).paths == strings{top, top, top});
}

TEST_CASE("a path that can't be walked is skipped with its reason, and the others go on") {
    scratch_folder folder;
    const std::string file = folder.write("file", "");
    fs::create_symlink("nowhere", folder.at("dangling"));
    REQUIRE(::mkfifo(folder.at("pipe").c_str(), 0600) == 0);

    const wordcrunch::file_batch found =
        walk_all({folder.at("missing"), folder.at("dangling"), folder.at("pipe"), file});

    CHECK(found.paths == strings{file});
    REQUIRE(found.skipped.size() == 3);
    CHECK(found.skipped[0].path == folder.at("missing"));
    CHECK(found.skipped[0].reason == "No such file or directory");
    CHECK(found.skipped[1].reason == "No such file or directory");
    CHECK(found.skipped[2].reason == "Neither a regular file nor a folder");
}

TEST_CASE("a folder with many files comes in batches") {
    scratch_folder folder;
    for (int i = 0; i < 150; ++i) folder.write("f" + std::to_string(i), "");
    wordcrunch::tree_walker walker({folder.at("")});
    std::vector<std::size_t> sizes;
    while (!walker.done()) sizes.push_back(walker.next().paths.size());
    CHECK(sizes == std::vector<std::size_t>{64, 64, 22});
}

TEST_CASE("the command line is read") {
    const wordcrunch::options plain = parse({});
    CHECK(plain.paths == strings{"/usr/include"});
    CHECK(plain.workers >= 1);
    CHECK_FALSE(plain.limit.has_value());

    const wordcrunch::options all =
        parse({"--workers", "3", "--readers=5", "--capacity", "0", "--top=7", "--limit", "0.5",
               "--fail-fast", "--counts", "here", "--", "--there"});
    CHECK(all.workers == 3);
    CHECK(all.readers == 5);
    CHECK(all.capacity == 0);
    CHECK(all.top == 7);
    CHECK(all.limit == std::chrono::duration<double>(0.5));
    CHECK(all.fail_fast);
    CHECK(all.counts);
    CHECK(all.paths == strings{"here", "--there"});
}

TEST_CASE("a wrong command line is refused with what to do") {
    CHECK(refusal({"--workers", "0"}) == "--workers wants a whole number from 1 to 256, not '0'");
    CHECK(refusal({"--readers", "-1"}) == "--readers wants a whole number from 1 to 256, not '-1'");
    CHECK(refusal({"--capacity=99999999999999999999"}) ==
          "--capacity wants a whole number from 0 to 1024, not '99999999999999999999'");
    CHECK(refusal({"--top", "5x"}) == "--top wants a whole number from 0 to 1000000, not '5x'");
    CHECK(refusal({"--top", ""}) == "--top wants a whole number from 0 to 1000000, not ''");
    CHECK(refusal({"--top"}) == "--top wants a value, such as --top 5");
    for (const char* limit : {"soon", "-1", "nan", "inf", ""}) {
        CHECK(refusal({"--limit", limit}) ==
              std::string("--limit wants a number of seconds, such as 0.5 or 10, not '") + limit +
                  "'");
    }
    CHECK(refusal({"--fail-fast=yes"}) == "--fail-fast takes no value");
    CHECK(refusal({"--colour"}) ==
          "there is no option --colour; --help shows those there are, and after -- everything is "
          "a path");
}

TEST_CASE("bars are drawn in eighths of a column") {
    CHECK(wordcrunch::bar(1, 1, 3) == "███");
    CHECK(wordcrunch::bar(1, 2, 3) == "█▌");
    CHECK(wordcrunch::bar(1, 1000, 3) == "▏");
    CHECK(wordcrunch::bar(0, 1, 3).empty());
    CHECK(wordcrunch::bar(1, 0, 3).empty());
}

TEST_CASE("numbers are readable") {
    CHECK(wordcrunch::with_commas(0) == "0");
    CHECK(wordcrunch::with_commas(999) == "999");
    CHECK(wordcrunch::with_commas(1'234'567) == "1,234,567");
    CHECK(wordcrunch::as_megabytes(1) == "1 byte");
    CHECK(wordcrunch::as_megabytes(1'234) == "1,234 bytes");
    CHECK(wordcrunch::as_megabytes(123'456) == "0.12 MB");
    CHECK(wordcrunch::as_megabytes(123'456'789) == "123.5 MB");
}

TEST_CASE("the report shows the most frequent words and what was left out") {
    wordcrunch::crunch_result result;
    result.words.add("seldom", 1);
    result.words.add("often", 1200);
    result.words.add("also", 1);
    result.total_words = 1202;
    result.files = 1;
    result.bytes = 123'456'789;
    result.elapsed = std::chrono::milliseconds(500);
    result.stopped = wordcrunch::stop_reason::limit;
    result.stages.push_back({"count", 2, std::chrono::milliseconds(750)});
    result.channels.push_back({"chunks", 16, 4});
    result.channels.push_back({"tallies", 0, 0});
    for (int i = 0; i < 7; ++i) result.skipped.add({"file\x1b" + std::to_string(i), "Is away"});

    const std::string report = wordcrunch::draw_report(result, {.top = 2, .width = 40});

    CHECK(report == R"(
  1  often  1,200  █████████████████████
  2  also       1  ▏

A partial result: --limit stopped it after 0.50 s.
1 file, 123.5 MB in 0.50 s: 247 MB/s
1,202 identifiers, 3 different

stage     tasks     time   busy
count         2   0.75 s   75 %  ██████████████████

channel   holds            peak
chunks       16               4  ██████
tallies       0               0

7 paths could not be read:
  file?0: Is away
  file?1: Is away
  file?2: Is away
  file?3: Is away
  file?4: Is away
  ... and 2 more
)");
}

TEST_CASE("counts are listed as sort and uniq -c do") {
    wordcrunch::word_counts words;
    words.add("b", 2);
    words.add("a_", 12345678);
    words.add("B", 1);
    words.add("a0", 3);
    CHECK(wordcrunch::list_counts(words) == "      1 B\n      3 a0\n12345678 a_\n      2 b\n");
}
