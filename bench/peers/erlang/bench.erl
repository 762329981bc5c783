%% SPDX-License-Identifier: BSL-1.0

%% Erlang's processes: erl ... -run bench main WORKLOAD SCHEDULERS runs one workload and prints its
%% figures as lines "M name value". Exit status 3: there is no such workload here.
%%
%% A process receives in its own mailbox, which has no limit: what other systems send through a
%% channel goes straight to whom it is for.
-module(bench).
-export([main/1]).

main([Workload, _Schedulers | _Size]) ->
    {_, Monitor} = spawn_monitor(fun() -> run(Workload) end),
    receive
        {'DOWN', Monitor, process, _, normal} ->
            halt(0);
        {'DOWN', Monitor, process, _, unsupported} ->
            io:format("UNSUPPORTED~n"),
            halt(3);
        {'DOWN', Monitor, process, _, Reason} ->
            io:format(standard_error, "~P~n", [Reason, 12]),
            halt(1)
    end.

run("w1") -> round_trips(1000000);
run("w2") -> one_to_one(5000000);
run("w4") -> pipeline(1000000);
run("w5") -> spawn_many(1000000);
run("w5b") -> spawn_one_by_one(1000000);
run("w6") -> skynet_tree();
run("w7") -> ring(503, 3000000);
run("w8") -> cancel_blocked(100000);
run("w9a") -> arm_and_disarm(1000000);
run("w9b") -> sleepers(100000);
run("w10") -> mailbox(20, 500000);
run("w11") -> actor_tree(18);
run("w12") -> ask(300000);
run("w13_100k") -> blocked_memory(100000);
run("w13_1m") -> blocked_memory(1000000);
run("w14") -> idle();
run("w15") -> echo_server();
run(_) -> exit(unsupported).

%% Measuring

now_ns() -> erlang:monotonic_time(nanosecond).

metric(Name, Value) -> io:format("M ~s ~.3f~n", [Name, float(Value)]).

per_operation(Name, Start, N) -> metric(Name, (now_ns() - Start) / N).

percentiles(Prefix, Values) ->
    Sorted = list_to_tuple(lists:sort(Values)),
    At = fun(P) -> element(1 + trunc(P * tuple_size(Sorted)), Sorted) end,
    metric(Prefix ++ "p50", At(0.5)),
    metric(Prefix ++ "p90", At(0.9)),
    metric(Prefix ++ "p99", At(0.99)),
    metric(Prefix ++ "p99.9", At(0.999)).

resident_bytes() ->
    {ok, Text} = file:read_file("/proc/self/statm"),
    [_, Pages | _] = binary:split(Text, <<" ">>, [global]),
    binary_to_integer(Pages) * 4096.

peak_bytes() ->
    {ok, Text} = file:read_file("/proc/self/status"),
    {match, [KiB]} = re:run(Text, "VmHWM:\\s+(\\d+) kB", [{capture, [1], binary}]),
    binary_to_integer(KiB) * 1024.

%% In steps of 10 ms, as the kernel counts it there.
cpu_ms() ->
    {ok, Text} = file:read_file("/proc/self/stat"),
    Fields = binary:split(Text, <<" ">>, [global]),
    10 * (binary_to_integer(lists:nth(14, Fields)) + binary_to_integer(lists:nth(15, Fields))).

sum_below(N) -> N * (N - 1) div 2.

%% About 95 ns of hashing where integers have 64 bits. Here they become large ones above 59: less of
%% them is kept, and a step costs about the same.
work(X) -> work(X, 80).

work(X, 0) -> X;
work(X, Left) -> work(((X bxor (X bsr 33)) * 16#3f51afd7) band 16#7ffffff, Left - 1).

%% Sends N-1 down to 0.
send_numbers(_, 0) -> ok;
send_numbers(To, N) -> To ! N - 1, send_numbers(To, N - 1).

receive_sum(0, Sum) -> Sum;
receive_sum(N, Sum) -> receive V -> receive_sum(N - 1, Sum + V) end.

wait_to_stop() -> receive stop -> ok end.

%% w1: round trips of two processes.
round_trips(N) ->
    Echo = spawn_link(fun echo/0),
    Start = now_ns(),
    round_trip(Echo, N),
    per_operation("ns", Start, N).

echo() -> receive {From, V} -> From ! {self(), V}, echo() end.

round_trip(_, 0) -> ok;
round_trip(Echo, N) ->
    Echo ! {self(), N},
    receive {Echo, N} -> round_trip(Echo, N - 1) end.

%% w2: one sender, one receiver, no limit.
one_to_one(N) ->
    Me = self(),
    Start = now_ns(),
    spawn_link(fun() -> send_numbers(Me, N) end),
    Sum = receive_sum(N, 0),
    per_operation("ns", Start, N),
    Sum = sum_below(N).

%% w4: a source, four workers in turn, a sink.
pipeline(N) ->
    Me = self(),
    Start = now_ns(),
    Workers = list_to_tuple([spawn_link(fun() -> worker(Me) end) || _ <- lists:seq(1, 4)]),
    spawn_link(fun() -> source(Workers, N) end),
    Mixed = receive_mixed(N, 0),
    per_operation("ns", Start, N),
    Mixed = lists:foldl(fun(V, Sum) -> Sum bxor work(V) end, 0, lists:seq(1, N)).

worker(Sink) -> receive V -> Sink ! work(V), worker(Sink) end.

source(_, 0) -> ok;
source(Workers, N) -> element(1 + N rem 4, Workers) ! N, source(Workers, N - 1).

receive_mixed(0, Mixed) -> Mixed;
receive_mixed(N, Mixed) -> receive V -> receive_mixed(N - 1, Mixed bxor V) end.

%% w5: many processes, until the last one has run.
spawn_many(N) ->
    Me = self(),
    Done = atomics:new(1, []),
    Start = now_ns(),
    spawn_times(N, fun() ->
        case atomics:add_get(Done, 1, 1) of
            N -> Me ! all_done;
            _ -> ok
        end
    end),
    receive all_done -> ok end,
    per_operation("ns", Start, N).

spawn_times(0, _) -> ok;
spawn_times(N, Body) -> spawn(Body), spawn_times(N - 1, Body).

%% w5b: each waited for before the next one starts.
spawn_one_by_one(N) ->
    Start = now_ns(),
    spawn_and_wait(N),
    per_operation("ns", Start, N).

spawn_and_wait(0) -> ok;
spawn_and_wait(N) ->
    {Pid, Monitor} = spawn_monitor(fun() -> ok end),
    receive {'DOWN', Monitor, process, Pid, normal} -> spawn_and_wait(N - 1) end.

%% w6: a 10-ary tree of processes that returns the sum of its leaves.
skynet_tree() ->
    Me = self(),
    Start = now_ns(),
    spawn_link(fun() -> skynet(Me, 0, 1000000) end),
    Sum = receive V -> V end,
    per_operation("ns", Start, 1111111),
    Sum = sum_below(1000000).

skynet(Parent, First, 1) -> Parent ! First;
skynet(Parent, First, Size) ->
    Me = self(),
    Below = Size div 10,
    [spawn(fun() -> skynet(Me, First + I * Below, Below) end) || I <- lists:seq(0, 9)],
    Parent ! receive_sum(10, 0).

%% w7: a token in a ring of processes.
ring(Size, Hops) ->
    Me = self(),
    Ring = [spawn_link(fun() -> receive {next, Next} -> ring_member(Next, Me) end end)
            || _ <- lists:seq(1, Size)],
    [First | Others] = Ring,
    [Member ! {next, Next} || {Member, Next} <- lists:zip(Ring, Others ++ [First])],
    Start = now_ns(),
    First ! Hops,
    Last = receive {done, Pid} -> Pid end,
    per_operation("ns", Start, Hops),
    Last = lists:nth(1 + Hops rem Size, Ring).

ring_member(Next, Root) ->
    receive
        0 -> Root ! {done, self()};
        Left -> Next ! Left - 1, ring_member(Next, Root)
    end.

%% w8: kill processes that wait for a message.
cancel_blocked(N) ->
    Waiting = [spawn_monitor(fun wait_to_stop/0) || _ <- lists:seq(1, N)],
    timer:sleep(100),
    Start = now_ns(),
    [exit(Pid, kill) || {Pid, _} <- Waiting],
    receive_killed(N),
    per_operation("ns", Start, N).

receive_killed(0) -> ok;
receive_killed(N) -> receive {'DOWN', _, process, _, killed} -> receive_killed(N - 1) end.

%% w9a: time limits that never expire, on receiving a message that is already there. A process arms
%% no timer before it really waits, so this is a lower bound; a timer that is set and cancelled
%% follows.
arm_and_disarm(N) ->
    Start = now_ns(),
    receive_in_time(N),
    per_operation("ns", Start, N),
    Start2 = now_ns(),
    start_and_cancel_timer(N),
    per_operation("ns_timer_alone", Start2, N).

receive_in_time(0) -> ok;
receive_in_time(N) ->
    self() ! x,
    receive y -> ok after 0 -> ok end,
    receive x -> ok after 3600000 -> exit(too_late) end,
    receive_in_time(N - 1).

start_and_cancel_timer(0) -> ok;
start_and_cancel_timer(N) ->
    Timer = erlang:send_after(3600000, self(), x),
    true = is_integer(erlang:cancel_timer(Timer)),
    start_and_cancel_timer(N - 1).

%% w9b: how late sleepers wake, and what they cost. In whole milliseconds: there are no others.
sleepers(N) ->
    Me = self(),
    rand:seed(exsss, 42),
    Lengths = [rand:uniform(500) || _ <- lists:seq(1, N)],
    Cpu = cpu_ms(),
    [spawn(fun() -> Me ! {Length, sleep_and_note(Length)} end) || Length <- Lengths],
    Late = [receive Each -> Each end || _ <- Lengths],
    metric("cpu_ms", cpu_ms() - Cpu),
    percentiles("late_", [Ns || {_, Ns} <- Late]),
    percentiles("late250_", [Ns || {Length, Ns} <- Late, Length >= 250]),
    [] = [Ns || {_, Ns} <- Late, Ns < 0].

sleep_and_note(Length) ->
    Due = now_ns() + Length * 1000000,
    receive after Length -> ok end,
    now_ns() - Due.

%% w10: many senders, one receiver, no limit.
mailbox(Senders, Each) ->
    Me = self(),
    Start = now_ns(),
    [spawn_link(fun() -> send_numbers(Me, Each) end) || _ <- lists:seq(1, Senders)],
    Sum = receive_sum(Senders * Each, 0),
    per_operation("ns", Start, Senders * Each),
    metric("peak_bytes", peak_bytes()),
    Sum = Senders * sum_below(Each).

%% w11: a binary tree of actors, all alive at once.
actor_tree(Depth) ->
    Total = (1 bsl (Depth + 1)) - 1,
    Me = self(),
    Alive = atomics:new(1, []),
    Before = resident_bytes(),
    Start = now_ns(),
    Root = spawn(fun() -> tree_node(Me, Alive, Total) end),
    Root ! Depth,
    receive complete -> ok end,
    per_operation("ns", Start, Total),
    metric("bytes", (resident_bytes() - Before) / Total),
    Total = atomics:get(Alive, 1).

tree_node(Me, Alive, Total) ->
    Children = receive
        0 -> [];
        Below -> [begin
                      Child = spawn(fun() -> tree_node(Me, Alive, Total) end),
                      Child ! Below - 1,
                      Child
                  end || _ <- [left, right]]
    end,
    case atomics:add_get(Alive, 1, 1) of
        Total -> Me ! complete;
        _ -> ok
    end,
    receive stop -> Children end.

%% w12: request and response.
ask(N) ->
    Server = spawn_link(fun server/0),
    percentiles("", asks(Server, N, [])).

server() ->
    receive {From, Ref, V} -> From ! {Ref, V + 1}, server() end.

asks(_, 0, Latencies) -> Latencies;
asks(Server, N, Latencies) ->
    Start = now_ns(),
    Ref = make_ref(),
    Server ! {self(), Ref, N},
    Answer = receive {Ref, V} -> V end,
    Taken = now_ns() - Start,
    Answer = N + 1,
    asks(Server, N - 1, [Taken | Latencies]).

%% w13: what a process costs that waits.
blocked_memory(N) ->
    Before = resident_bytes(),
    Waiting = [spawn(fun wait_to_stop/0) || _ <- lists:seq(1, N)],
    timer:sleep(200),
    metric("bytes", (resident_bytes() - Before) / N),
    true = lists:all(fun is_process_alive/1, Waiting).

%% w14, but for the wake-up: a thread that isn't Erlang's would need a library in C.
idle() ->
    [spawn(fun wait_to_stop/0) || _ <- lists:seq(1, 1000)],
    timer:sleep(100),
    Cpu = cpu_ms(),
    timer:sleep(3000),
    metric("idle_cpu_ms", cpu_ms() - Cpu).

%% w15: a TCP echo server, until it is killed.
echo_server() ->
    {ok, Listener} = gen_tcp:listen(0, [binary, {active, false}, {nodelay, true}, {backlog, 256},
                                        {ip, {127, 0, 0, 1}}]),
    {ok, Port} = inet:port(Listener),
    io:format("LISTEN ~p~n", [Port]),
    accept(Listener).

accept(Listener) ->
    {ok, Socket} = gen_tcp:accept(Listener),
    Pid = spawn(fun() -> receive go -> echo(Socket) end end),
    ok = gen_tcp:controlling_process(Socket, Pid),
    Pid ! go,
    accept(Listener).

echo(Socket) ->
    case gen_tcp:recv(Socket, 0) of
        {ok, Data} -> gen_tcp:send(Socket, Data), echo(Socket);
        {error, _} -> gen_tcp:close(Socket)
    end.
