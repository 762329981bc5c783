%% SPDX-License-Identifier: BSL-1.0

%% Savina in Erlang: erl ... -run savina main NAME RUNS WORKERS prints the median, the least and the
%% most milliseconds, as bench/savina does, whose sizes, patterns and values these are. A run ends
%% when every process has said, as its last act, what it found.
-module(savina).
-export([main/1]).

main([Name, Runs, _Workers]) ->
    {_, Monitor} = spawn_monitor(fun() -> run(Name, list_to_integer(Runs)) end),
    receive
        {'DOWN', Monitor, process, _, normal} ->
            halt(0);
        {'DOWN', Monitor, process, _, Reason} ->
            io:format(standard_error, "~P~n", [Reason, 12]),
            halt(1)
    end;
main(_) ->
    io:format(standard_error, "usage: savina NAME RUNS WORKERS~n", []),
    halt(2).

run(Name, Runs) ->
    Expected = expected(Name),
    Times = lists:sort([milliseconds(Name, Expected) || _ <- lists:seq(1, Runs)]),
    Median = lists:nth(1 + Runs div 2, Times),
    io:format("~-12s ~10.1f ~10.1f ~10.1f   ~w~n",
              [Name, Median, hd(Times), lists:last(Times), Expected]).

milliseconds(Name, Expected) ->
    Start = erlang:monotonic_time(nanosecond),
    Found = benchmark(Name),
    Taken = erlang:monotonic_time(nanosecond) - Start,
    Expected = checked(Found),
    erlang:garbage_collect(),
    Taken / 1.0e6.

benchmark("pingpong") -> ping_pong(40000);
benchmark("count") -> counting(1000000);
benchmark("fjthrput") -> fork_join_throughput(60, 10000);
benchmark("fjcreate") -> fork_join_creation(40000);
benchmark("threadring") -> thread_ring(100, 100000);
benchmark("chameneos") -> chameneos(100, 200000);
benchmark("big") -> big(120, 20000);
benchmark("banking") -> bank_transactions(1000, 50000).

%% What takes long to check is checked when the time has been taken.
checked({bank, Replies, Balances, Transfers}) ->
    Balances = audit(Transfers, maps:map(fun(_, _) -> initial_balance() end, Balances)),
    {replies, Replies,
     money, lists:sum(maps:values(Balances)),
     moved, lists:sum([Amount || {_, _, Amount} <- Transfers]),
     sources, length(lists:usort([From || {From, _, _} <- Transfers]))};
checked(Found) -> Found.

expected("pingpong") -> {pongs, 40000};
expected("count") -> {counted, 1000000};
expected("fjthrput") -> {jobs, 600000};
expected("fjcreate") -> {completions, 40000};
expected("threadring") -> {hops, 100000};
expected("chameneos") -> {meetings, 400000};
expected("big") -> {pings, 2400000, pongs, 2400000};
expected("banking") -> {replies, 50000, money, 1000000000000000, moved, 9384057007, sources, 800}.

%% From each of the processes, in any order: {over, Number}.
sum_of_last_words(0, Sum) -> Sum;
sum_of_last_words(Left, Sum) ->
    receive {over, Number} -> sum_of_last_words(Left - 1, Sum + Number) end.

%% Two processes, one message under way.
ping_pong(Rounds) ->
    Me = self(),
    Ponger = spawn_link(fun ponger/0),
    Pinger = spawn_link(fun() -> pinger(Ponger, Rounds, 0, Me) end),
    Pinger ! begin_round,
    {pongs, sum_of_last_words(1, 0)}.

ponger() ->
    receive
        {ping, From} -> From ! pong, ponger();
        stop -> ok
    end.

pinger(Ponger, Rounds, Pongs, Root) ->
    receive
        begin_round ->
            Ponger ! {ping, self()},
            pinger(Ponger, Rounds, Pongs, Root);
        pong when Pongs + 1 < Rounds ->
            self() ! begin_round,
            pinger(Ponger, Rounds, Pongs + 1, Root);
        pong ->
            Ponger ! stop,
            Root ! {over, Pongs + 1}
    end.

%% One floods another, then asks how far it has come.
counting(Messages) ->
    Me = self(),
    Counter = spawn_link(fun() -> counter(0) end),
    spawn_link(fun() ->
        send_times(Counter, count, Messages),
        Counter ! {query, self()},
        receive {counted, Count} -> Me ! {over, Count} end
    end),
    {counted, sum_of_last_words(1, 0)}.

counter(Count) ->
    receive
        count -> counter(Count + 1);
        {query, From} -> From ! {counted, Count}
    end.

send_times(_, _, 0) -> ok;
send_times(To, Message, N) -> To ! Message, send_times(To, Message, N - 1).

squared_sine() ->
    Sine = math:sin(37.2),
    Sine * Sine.

%% Messages in turn to processes that compute a little.
fork_join_throughput(Actors, Messages) ->
    Me = self(),
    Workers = [spawn_link(fun() -> throughput_worker(Messages, 0, 0.0, Me) end)
               || _ <- lists:seq(1, Actors)],
    send_rounds(Workers, Messages),
    {jobs, sum_of_last_words(Actors, 0)}.

send_rounds(_, 0) -> ok;
send_rounds(Workers, N) ->
    [Worker ! job || Worker <- Workers],
    send_rounds(Workers, N - 1).

throughput_worker(Jobs, Jobs, _, Root) -> Root ! {over, Jobs};
throughput_worker(Jobs, Done, Result, Root) ->
    receive job -> throughput_worker(Jobs, Done + 1, Result + squared_sine(), Root) end.

%% A process for each message.
fork_join_creation(Actors) ->
    Me = self(),
    create(Actors, Me),
    {completions, sum_of_last_words(Actors, 0)}.

create(0, _) -> ok;
create(N, Root) ->
    spawn(fun() ->
        receive job -> true = squared_sine() >= 0, Root ! {over, 1} end
    end) ! job,
    create(N - 1, Root).

%% A token in a ring, then a request to end.
thread_ring(Actors, Hops) ->
    Me = self(),
    Ring = [spawn_link(fun() -> receive {next, Next} -> member(Next, Actors, 0, Me) end end)
            || _ <- lists:seq(1, Actors)],
    [First | Others] = Ring,
    [Member ! {next, Next} || {Member, Next} <- lists:zip(Ring, Others ++ [First])],
    First ! {token, Hops},
    {hops, sum_of_last_words(Actors, 0)}.

member(Next, Actors, Hops, Root) ->
    receive
        {token, Left} when Left > 1 ->
            Next ! {token, Left - 1},
            member(Next, Actors, Hops + 1, Root);
        {token, _} ->
            Next ! {leave, Actors},
            member(Next, Actors, Hops + 1, Root);
        {leave, Left} when Left > 1 ->
            Next ! {leave, Left - 1},
            Root ! {over, Hops};
        {leave, _} ->
            Root ! {over, Hops}
    end.

%% A mall pairs creatures, which change their colours.
chameneos(Creatures, Meetings) ->
    Me = self(),
    Mall = spawn_link(fun() -> mall(Meetings, Creatures, none, 0, Me) end),
    All = [spawn_link(fun() -> creature(Mall, element(1 + I rem 3, {red, yellow, blue}), 0) end)
           || I <- lists:seq(0, Creatures - 1)],
    [Creature ! start || Creature <- All],
    {meetings, sum_of_last_words(1, 0)}.

mall(_, 0, _, Sum, Root) -> Root ! {over, Sum};
mall(Left, Open, Waiting, Sum, Root) ->
    receive
        {meet, _, From} when Left =:= 0 ->
            From ! close,
            mall(Left, Open, Waiting, Sum, Root);
        {meet, _, From} when Waiting =:= none ->
            mall(Left, Open, From, Sum, Root);
        {meet, _, _} = Meeting ->
            Waiting ! Meeting,
            mall(Left - 1, Open, none, Sum, Root);
        {met, Count} ->
            mall(Left, Open - 1, Waiting, Sum + Count, Root)
    end.

creature(Mall, Colour, Meetings) ->
    receive
        start ->
            Mall ! {meet, Colour, self()},
            creature(Mall, Colour, Meetings);
        {meet, Other, From} ->
            New = complement(Colour, Other),
            From ! {change, New},
            Mall ! {meet, New, self()},
            creature(Mall, New, Meetings + 1);
        {change, New} ->
            Mall ! {meet, New, self()},
            creature(Mall, New, Meetings + 1);
        close ->
            Mall ! {met, Meetings}
    end.

complement(Colour, Colour) -> Colour;
complement(red, yellow) -> blue;
complement(red, blue) -> yellow;
complement(yellow, red) -> blue;
complement(yellow, blue) -> red;
complement(blue, red) -> yellow;
complement(blue, yellow) -> red.

%% The suite's generator: 16 bits of state.
next_random(State) -> (State * 1309 + 13849) band 65535.

%% Everybody pings random others, one ping at a time.
big(Actors, Pings) ->
    Me = self(),
    Sink = spawn_link(fun() -> big_sink(Actors) end),
    Workers = [spawn_link(fun() -> big_begin(Id, Pings, Sink, Me) end)
               || Id <- lists:seq(0, Actors - 1)],
    Crowd = list_to_tuple(Workers),
    Sink ! {neighbours, Crowd},
    [Worker ! {neighbours, Crowd} || Worker <- Workers],
    [Worker ! start || Worker <- Workers],
    {Received, Answered} = big_sums(Actors, 0, 0),
    {pings, Received, pongs, Answered}.

big_sums(0, Pings, Pongs) -> {Pings, Pongs};
big_sums(Left, Pings, Pongs) ->
    receive {over, Received, Answered} -> big_sums(Left - 1, Pings + Received, Pongs + Answered) end.

big_sink(Actors) ->
    receive {neighbours, Crowd} -> ok end,
    [receive finished -> ok end || _ <- lists:seq(1, Actors)],
    [Worker ! stop || Worker <- tuple_to_list(Crowd)].

big_begin(Id, Pings, Sink, Root) ->
    receive {neighbours, Crowd} -> ok end,
    big_worker(Id, Crowd, Sink, Root, Pings, Id, none, 0, 0).

big_worker(Id, Crowd, Sink, Root, Left, Random, Pinged, Pings, Pongs) ->
    receive
        {ping, From} ->
            element(From + 1, Crowd) ! {pong, Id},
            big_worker(Id, Crowd, Sink, Root, Left, Random, Pinged, Pings + 1, Pongs);
        {pong, Pinged} ->
            big_go_on(Id, Crowd, Sink, Root, Left, Random, Pings, Pongs + 1);
        start ->
            big_go_on(Id, Crowd, Sink, Root, Left, Random, Pings, Pongs);
        stop ->
            Root ! {over, Pings, Pongs};
        {pong, Other} ->
            exit({pong_from, Other, but_pinged, Pinged})
    end.

big_go_on(Id, Crowd, Sink, Root, 0, Random, Pings, Pongs) ->
    Sink ! finished,
    big_worker(Id, Crowd, Sink, Root, 0, Random, none, Pings, Pongs);
big_go_on(Id, Crowd, Sink, Root, Left, Random, Pings, Pongs) ->
    New = next_random(Random),
    Whom = New rem tuple_size(Crowd),
    element(Whom + 1, Crowd) ! {ping, Id},
    big_worker(Id, Crowd, Sink, Root, Left - 1, New, Whom, Pings, Pongs).

%% An account that pays waits until the other one has the money, and does nothing else meanwhile.
bank_transactions(Accounts, Count) ->
    Me = self(),
    Pids = [spawn_link(fun() -> account(Number, initial_balance(), Me) end)
            || Number <- lists:seq(0, Accounts - 1)],
    All = list_to_tuple(Pids),
    Transfers = transfers(Accounts, Count, 123456, []),
    spawn_link(fun() ->
        Teller = self(),
        [element(From + 1, All) ! {pay, Amount, element(To + 1, All), Teller}
         || {From, To, Amount} <- Transfers],
        [receive paid -> ok end || _ <- Transfers],
        [Account ! stop || Account <- Pids],
        Me ! {over, Count}
    end),
    Replies = sum_of_last_words(1, 0),
    Balances = maps:from_list([receive {balance, Number, Balance} -> {Number, Balance} end
                               || Number <- lists:seq(0, Accounts - 1)]),
    {bank, Replies, Balances, Transfers}.

initial_balance() -> 1000000000000.

account(Number, Balance, Root) ->
    receive
        {pay, Amount, To, Teller} ->
            Ref = make_ref(),
            To ! {deposit, Amount, self(), Ref},
            receive Ref -> ok end,
            Teller ! paid,
            account(Number, Balance - Amount, Root);
        {deposit, Amount, From, Ref} ->
            From ! Ref,
            account(Number, Balance + Amount, Root);
        stop ->
            Root ! {balance, Number, Balance}
    end.

transfers(_, 0, _, Done) -> lists:reverse(Done);
transfers(Accounts, Left, State, Done) ->
    First = next_random(State),
    Second = next_random(First),
    Third = next_random(Second),
    From = First rem (Accounts div 10 * 8),
    To = From + max(1, Second rem (Accounts - From)),
    transfers(Accounts, Left - 1, Third, [{From, To, 1000000000 div (Third + 1)} | Done]).

audit(Transfers, Balances) ->
    lists:foldl(
        fun({From, To, Amount}, Sums) ->
            #{From := Payer, To := Payee} = Sums,
            Sums#{From := Payer - Amount, To := Payee + Amount}
        end,
        Balances, Transfers).
