%% The Erlang end of the interop tests: evaluates expressions read from standard input, one per
%% line with bindings kept, and holds the loops that would be too slow interpreted.
%% A line is `ID LANGUAGE EXPRESSION`; the answer is one line `@@ ID ok|error VALUE`.
%% Needs nothing newer than OTP 25.
-module(erland_helper).
-export([main/0]).
-export([send_numbered/2, receive_numbered/1, pairs/4, echo/1, collector/0, collector/1, await/2,
         seen/1, run/2, stoppable/0, flush/0, nested/1, introduced/0, reply/1]).

main() ->
    Watcher = spawn(fun() -> watch(start_evaluator(), undefined) end),
    read(Watcher).

%% End of input means that the test is over or has died: nothing may be left behind.
read(Watcher) ->
    case io:get_line('') of
        Line when is_list(Line); is_binary(Line) -> Watcher ! {line, Line}, read(Watcher);
        _ -> halt(0, [{flush, false}])
    end.

%% The evaluator may die of what it is told to do (a link, an exit); the next one starts afresh.
start_evaluator() ->
    Watcher = self(),
    {Pid, _} = spawn_monitor(fun() -> register(evaluator, self()), evaluate(Watcher, [], []) end),
    Pid.

watch(Evaluator, Busy) ->
    receive
        {line, Line} when Busy =:= undefined ->
            Evaluator ! {evaluate, Line},
            [Id | _] = string:lexemes(Line, " "),
            watch(Evaluator, Id);
        {done, Evaluator} ->
            watch(Evaluator, undefined);
        {'DOWN', _, process, Evaluator, Reason} ->
            Busy =:= undefined orelse answer(Busy, "error", {down, Reason}),
            watch(start_evaluator(), undefined)
    end.

evaluate(Watcher, ErlangBindings, ElixirBindings) ->
    receive
        {evaluate, Line} ->
            [Id, Language, Text] = split(Line),
            {Erl, Ex} =
                try
                    case Language of
                        "erl" ->
                            {Value, New} = interpret(Text, ErlangBindings),
                            answer(Id, "ok", Value),
                            {New, ElixirBindings};
                        "ex" ->
                            {Value, New} = 'Elixir.Code':eval_string(
                                             unicode:characters_to_binary(Text), ElixirBindings),
                            answer_text(Id, "ok", 'Elixir.Kernel':inspect(Value)),
                            {ErlangBindings, New}
                    end
                catch
                    Class:Reason:_ ->
                        answer(Id, "error", {Class, Reason}),
                        {ErlangBindings, ElixirBindings}
                end,
            Watcher ! {done, self()},
            evaluate(Watcher, Erl, Ex)
    end.

split(Line) ->
    {Id, [$  | Rest]} = lists:splitwith(fun(C) -> C =/= $  end, to_list(Line)),
    {Language, [$  | Text]} = lists:splitwith(fun(C) -> C =/= $  end, Rest),
    [Id, Language, Text].

to_list(Line) when is_binary(Line) -> unicode:characters_to_list(Line);
to_list(Line) -> Line.

interpret(Text, Bindings) ->
    {ok, Tokens, _} = erl_scan:string(Text ++ "."),
    {ok, Forms} = erl_parse:parse_exprs(Tokens),
    {value, Value, New} = erl_eval:exprs(Forms, Bindings),
    {Value, New}.

answer(Id, Verdict, Value) ->
    answer_text(Id, Verdict, io_lib:format("~0p", [Value])).

answer_text(Id, Verdict, Text) ->
    io:put_chars([10, "@@ ", Id, " ", Verdict, " ", Text, 10]).

%% The pid of a process of another node that has introduced itself to the evaluator.
introduced() ->
    receive {introduce, Pid} -> Pid after 20000 -> error(nobody_was_introduced) end.

%% The next message of the evaluator.
reply(Timeout) ->
    receive Any -> Any after Timeout -> nothing end.

%% Sends {n, 1} .. {n, N} to a pid or {Name, Node}.
send_numbered(To, N) -> send_numbered(To, 1, N).

send_numbered(_, I, N) when I > N -> ok;
send_numbered(To, I, N) -> To ! {n, I}, send_numbered(To, I + 1, N).

%% Receives {n, 1} .. {n, N}, and nothing else among them; `ok` or the first deviation.
receive_numbered(N) -> receive_numbered(1, N).

receive_numbered(I, N) when I > N -> ok;
receive_numbered(I, N) ->
    receive
        {n, I} -> receive_numbered(I + 1, N);
        Other -> {expected, I, got, Other}
    after 20000 -> {expected, I, got, nothing}
    end.

%% A registered process that answers {Pid, Term} with {Self, Term}, and stops as it is told.
echo(Name) ->
    Pid = spawn(fun() -> echo_loop() end),
    true = register(Name, Pid),
    Pid.

echo_loop() ->
    receive
        {stop, Reason} -> exit(Reason);
        {From, Term} -> From ! {self(), Term}, echo_loop()
    end.

%% The body of a process that exits with what it is told.
stoppable() ->
    receive {stop, Reason} -> exit(Reason) end.

%% A process that traps exits, runs Fun first, and then collects what it receives.
collector() -> collector(fun() -> ok end).

collector(Fun) ->
    Caller = self(),
    Pid = spawn(fun() ->
                        process_flag(trap_exit, true),
                        _ = Fun(),
                        Caller ! {self(), ready},
                        collect([])
                end),
    receive {Pid, ready} -> Pid after 10000 -> error(not_ready) end.

collect(Seen) ->
    receive
        {await, Count, From} when length(Seen) >= Count ->
            From ! {self(), seen, lists:reverse(Seen)},
            collect(Seen);
        {await, _, _} = Later ->
            %% Asked again when something has come.
            receive
                {run, Fun} -> Fun(), self() ! Later, collect(Seen);
                Any -> self() ! Later, collect([Any | Seen])
            end;
        {run, Fun} -> Fun(), collect(Seen);
        Any -> collect([Any | Seen])
    end.

%% All that a collector has received, once there are at least Count.
await(Pid, Count) ->
    Pid ! {await, Count, self()},
    receive {Pid, seen, Seen} -> Seen after 20000 -> late end.

%% All that a collector has received by now.
seen(Pid) -> await(Pid, 0).

%% Runs Fun inside a collector.
run(Pid, Fun) ->
    Caller = self(),
    Pid ! {run, fun() -> Caller ! {Pid, ran, Fun()} end},
    receive {Pid, ran, Value} -> Value after 10000 -> error(did_not_run) end.

%% What is in the mailbox now.
flush() ->
    receive Any -> [Any | flush()] after 0 -> [] end.

%% As many processes exchange Count numbered messages each way with pair0, pair1, … on Node, all
%% at the same time; the number received in order, or what went wrong.
pairs(Node, Pairs, Count, Limit) ->
    Caller = self(),
    Start = fun(I) ->
                    Name = list_to_atom("pair" ++ integer_to_list(I)),
                    spawn(fun() -> Caller ! {self(), pair({Name, Node}, Count)} end)
            end,
    Pids = [Start(I) || I <- lists:seq(0, Pairs - 1)],
    Results = [receive {Pid, Result} -> Result after Limit -> late end || Pid <- Pids],
    case lists:all(fun is_integer/1, Results) of
        true -> lists:sum(Results);
        false -> Results
    end.

pair(To, Count) ->
    To ! {pair, self()},
    receive {pair, Partner} -> exchange(Partner, 1, Count, 0) end.

exchange(_, Next, Count, Count) when Next > Count -> Count;
exchange(Partner, Next, Count, Received) when Next > Count ->
    receive
        {n, I} when I =:= Received + 1 -> exchange(Partner, Next, Count, I);
        Other -> {expected, Received + 1, got, Other}
    after 120000 -> {expected, Received + 1, got, nothing}
    end;
exchange(Partner, Next, Count, Received) ->
    receive
        {n, I} when I =:= Received + 1 -> exchange(Partner, Next, Count, I);
        Other -> {expected, Received + 1, got, Other}
    after 0 ->
        Partner ! {n, Next},
        exchange(Partner, Next + 1, Count, Received)
    end.

%% [[[...]]] of the given depth.
nested(Depth) -> lists:foldl(fun(_, Inner) -> [Inner] end, [], lists:seq(1, Depth)).
