# SPDX-License-Identifier: BSL-1.0
# `./dev test`: the steps, their times, and the count at the end.

step_names=()
step_seconds=()
step_results=()
passed_total=0
failed_total=0

step_lint() {
    bash tools/compiler_test.sh
    bash tools/lint_test.sh
    bash tools/lint.sh
}

step_quick() {
    configure dev
    compile dev
    run_tests dev
}

step_dev() {
    configure dev
    compile dev
    compile dev --target all_verify_interface_header_sets
    run_tests dev
}

step_asan() {
    configure asan
    compile asan
    run_tests asan
}

step_tsan() {
    configure tsan
    compile tsan
    run_tests tsan
}

# That shared libraries link and ship is seen from the programs that use them; the unit tests have
# no more to say about it.
step_shared() {
    configure shared
    compile shared --target examples/all covey_rooms
    run_tests shared -R '^(example\.|consumer)'
}

# Instructions and allocations; with other compilers and libraries than the kept ones it is skipped.
step_counts() {
    bash tools/counts_test.sh
    bash tools/counts.sh
}

# Needs what step_dev builds, and builds it if it isn't there.
step_mutants() {
    bash tools/mutants_test.sh
    bash tools/mutants.sh
}

step_gcc() { trixie_test; }

step_packages() {
    need_packages "${packages_build[@]}" "${packages_test[@]}"
    case " $* " in *' gcc '*) need_packages "${packages_trixie[@]}" ;; esac
    case " $* " in *' mutants '*) need_packages "${packages_mutants[@]}" ;; esac
    case " $* " in *' counts '*) need_packages "${packages_counts[@]}" ;; esac
}

# run_step NAME: never fails itself; the outcome is kept for the summary.
run_step() {
    local name=$1 started=$SECONDS result
    printf '\n=== %s ===\n' "$name"
    rm -f "build/results/$name".{xml,skipped}
    set +e
    (
        set -e
        "step_$name"
    )
    result=$?
    set -e
    step_names+=("$name")
    step_seconds+=($((SECONDS - started)))
    count_tests "$name" "$result"
    printf '=== %s: %s, %d s ===\n' "$name" "${step_results[-1]}" "${step_seconds[-1]}"
}

# "PASSED FAILED" of one ctest run.
read_results() {
    awk 'BEGIN { RS = ">" }
        /<testsuite[ \n]/ {
            for (key in value) delete value[key]
            while (match($0, /[a-z]+="[0-9]+"/)) {
                pair = substr($0, RSTART, RLENGTH)
                split(pair, part, /="?/)
                value[part[1]] = part[2] + 0
                $0 = substr($0, RSTART + RLENGTH)
            }
            print value["tests"] - value["failures"] - value["disabled"] - value["skipped"], \
                value["failures"] + 0
            exit
        }' "$1"
}

# A step that fails without a failed test (it didn't build, a lint refused) counts as one failure. One
# that can't do its work here leaves the reason in build/results/<step>.skipped.
count_tests() {
    local name=$1 result=$2 passed=0 failed=0 file="build/results/$1.xml"
    if [ "$name" = quick ]; then file=build/results/dev.xml; fi
    if [ -f "$file" ]; then read -r passed failed < <(read_results "$file"); fi
    if [ "$result" != 0 ] && [ "$failed" = 0 ]; then failed=1; fi
    passed_total=$((passed_total + passed))
    failed_total=$((failed_total + failed))
    if [ "$failed" = 0 ] && [ -f "build/results/$name.skipped" ]; then
        step_results+=("skipped: $(<"build/results/$name.skipped")")
    elif [ "$failed" = 0 ]; then
        step_results+=("ok, $passed tests")
    else
        step_results+=("FAILED, $passed tests passed, $failed failed")
    fi
}

print_summary() {
    local i total=0
    printf '\n%-8s %8s  %s\n' step seconds result
    for i in "${!step_names[@]}"; do
        printf '%-8s %8d  %s\n' "${step_names[i]}" "${step_seconds[i]}" "${step_results[i]}"
        total=$((total + step_seconds[i]))
    done
    printf '%-8s %8d\n\n' all "$total"
    printf '%d passed, %d failed\n' "$passed_total" "$failed_total"
}

chosen_steps() {
    local all=(lint dev mutants counts shared asan tsan)
    if [ "${CI-}" = true ]; then all+=(gcc); fi
    case "${1-}" in
        '') echo "${all[@]}" ;;
        --all) echo lint dev mutants counts shared asan tsan gcc ;;
        *) echo "$@" ;;
    esac
}

run_steps() {
    local steps name
    read -r -a steps <<<"$(chosen_steps "$@")"
    for name in "${steps[@]}"; do
        declare -F "step_$name" >/dev/null || {
            echo "There is no step '$name'. Steps: quick lint dev mutants counts asan tsan shared gcc" >&2
            exit 2
        }
    done
    step_packages "${steps[@]}"
    for name in "${steps[@]}"; do run_step "$name"; done
    print_summary
    [ "$failed_total" = 0 ]
}
