%% The Erlang end of the interop tests: evaluates expressions read from standard input, one per
%% line with bindings kept, and holds the loops that would be too slow interpreted.
%% A line is `ID LANGUAGE EXPRESSION`; the answer is one line `@@ ID ok|error VALUE`.
%% Needs nothing newer than OTP 25.
-module(erland_helper).
-export([main/0]).
-export([send_numbered/2, receive_numbered/1, receive_numbered/2, echo/1, reporter/1,
         flush/0, flush/1, trapper/2, pair/2, digest/1, nested/1]).

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
    {Pid, _} = spawn_monitor(fun() -> evaluate(Watcher, [], []) end),
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
                            {Value, New} = run(Text, ErlangBindings),
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

run(Text, Bindings) ->
    {ok, Tokens, _} = erl_scan:string(Text ++ "."),
    {ok, Forms} = erl_parse:parse_exprs(Tokens),
    {value, Value, New} = erl_eval:exprs(Forms, Bindings),
    {Value, New}.

answer(Id, Verdict, Value) ->
    answer_text(Id, Verdict, io_lib:format("~0p", [Value])).

answer_text(Id, Verdict, Text) ->
    io:put_chars([10, "@@ ", Id, " ", Verdict, " ", Text, 10]).

%% Sends {n, 1} .. {n, N} to a pid or {Name, Node}.
send_numbered(To, N) -> send_numbered(To, 1, N).

send_numbered(_, I, N) when I > N -> ok;
send_numbered(To, I, N) -> To ! {n, I}, send_numbered(To, I + 1, N).

%% Receives {n, 1} .. {n, N}, and nothing else among them; `ok` or the first deviation.
receive_numbered(N) -> receive_numbered(N, 60000).

receive_numbered(N, Timeout) -> receive_numbered(1, N, Timeout).

receive_numbered(I, N, _) when I > N -> ok;
receive_numbered(I, N, Timeout) ->
    receive
        {n, I} -> receive_numbered(I + 1, N, Timeout);
        Other -> {expected, I, got, Other}
    after Timeout -> {expected, I, got, nothing}
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

%% A process that traps exits, runs Fun once, and passes on to To all that it then receives.
trapper(To, Fun) ->
    spawn(fun() ->
                  process_flag(trap_exit, true),
                  To ! {self(), started, Fun()},
                  pass_on(To)
          end).

pass_on(To) ->
    receive Any -> To ! {self(), Any}, pass_on(To) end.

%% A process that collects what it receives; `flush(Pid)` returns it in order.
reporter(Fun) ->
    Caller = self(),
    Pid = spawn(fun() ->
                        process_flag(trap_exit, true),
                        Caller ! {self(), Fun()},
                        collect([])
                end),
    receive {Pid, Value} -> {Pid, Value} end.

collect(Seen) ->
    receive
        {flush, From} -> From ! {self(), lists:reverse(Seen)}, collect(Seen);
        Any -> collect([Any | Seen])
    end.

flush(Pid) ->
    Pid ! {flush, self()},
    receive {Pid, Seen} -> Seen after 10000 -> timeout end.

%% What is in the mailbox now.
flush() ->
    receive Any -> [Any | flush()] after 0 -> [] end.

%% One of several pairs that work at the same time: sends N numbered messages to To while it
%% receives N, then tells Caller.
pair(To, N) ->
    Caller = self(),
    spawn(fun() ->
                  To ! {pair, self()},
                  Receiver = self(),
                  spawn_link(fun() -> send_numbered(To, N), Receiver ! sent end),
                  Caller ! {self(), pair_loop(1, N, false)}
          end).

pair_loop(I, N, true) when I > N -> ok;
pair_loop(I, N, Sent) ->
    receive
        {n, I} -> pair_loop(I + 1, N, Sent);
        sent -> pair_loop(I, N, true);
        Other -> {expected, I, got, Other}
    after 120000 -> {expected, I, got, nothing}
    end.

%% A short fingerprint of a large binary, for comparing without sending it back.
digest(Term) -> {byte_size(Term), erlang:md5(Term)}.

%% [[[...]]] of the given depth.
nested(Depth) -> lists:foldl(fun(_, Inner) -> [Inner] end, [], lists:seq(1, Depth)).
