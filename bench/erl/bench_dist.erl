%% What the benchmark of the distribution runs inside a BEAM: one end of a connection.
%%
%% Speaks over its standard input and output in packets with a length of four bytes. A request is
%% `WHAT MILLISECONDS PEER BYTES`, where WHAT is `ping`, `stream` or `both`; the reply is numbers
%% with spaces between: the nanoseconds of a ping at p50 and p99, how many pings, the bytes of the
%% stream and the nanoseconds they took; 0 for what was not asked.
%%
%% No macro and no include: it is compiled from its text by the release that runs it.
-module(bench_dist).
-export([main/0]).

main() ->
    Port = open_port({fd, 0, 1}, [{packet, 4}, binary, eof]),
    register(echo, spawn(fun echo/0)),
    register(sink, spawn(fun sink/0)),
    port_command(Port, <<"ready">>),
    loop(Port).

loop(Port) ->
    receive
        {Port, {data, Request}} ->
            [What, Time, Peer, Bytes] = binary:split(Request, <<" ">>, [global]),
            Numbers = run(What, binary_to_integer(Time), binary_to_atom(Peer, utf8), binary_to_integer(Bytes)),
            port_command(Port, lists:join(" ", [integer_to_list(N) || N <- Numbers])),
            loop(Port);
        {Port, eof} ->
            halt()
    end.

echo() -> receive {From, Number} -> From ! Number, echo() end.

sink() -> receive {From, Binary} -> From ! byte_size(Binary), sink() end.

run(<<"ping">>, Time, Peer, _) ->
    pings(Time, Peer) ++ [0, 0];
run(<<"stream">>, Time, Peer, Bytes) ->
    start_stream(Peer, Bytes, Time),
    [0, 0, 0 | streamed()];
run(<<"both">>, Time, Peer, Bytes) ->
    start_stream(Peer, Bytes, Time),
    receive flowing -> ok end,
    Pings = pings(Time, Peer),
    Pings ++ streamed().

streamed() -> receive {streamed, Bytes, Nanos} -> [Bytes, Nanos] end.

pings(Time, Peer) ->
    Self = self(),
    spawn_link(fun() -> Self ! {pings, pings(Peer, until(Time), 0, [])} end),
    receive
        {pings, All} ->
            Sorted = lists:sort(All),
            Count = length(Sorted),
            [lists:nth((Count - 1) * Part div 100 + 1, Sorted) || Part <- [50, 99]] ++ [Count]
    end.

pings(Peer, Until, Number, All) ->
    Begin = erlang:monotonic_time(nanosecond),
    {echo, Peer} ! {self(), Number},
    receive Number -> ok end,
    End = erlang:monotonic_time(nanosecond),
    case End < Until of
        true ->
            %% As long as the pause of the other peers.
            receive after 1 -> ok end,
            pings(Peer, Until, Number + 1, [End - Begin | All]);
        false -> [End - Begin | All]
    end.

until(Time) -> erlang:monotonic_time(nanosecond) + Time * 1000000.

%% Two messages are unacknowledged at any time; the first one warms.
start_stream(Peer, Bytes, Time) ->
    Main = self(),
    spawn_link(fun() ->
        Binary = binary:copy(<<7>>, Bytes),
        Send = fun() -> {sink, Peer} ! {self(), Binary} end,
        Send(),
        Send(),
        receive Bytes -> ok end,
        Main ! flowing,
        Begin = erlang:monotonic_time(nanosecond),
        Main ! stream(Send, Bytes, Begin, until(Time), Begin, 0)
    end).

stream(Send, Bytes, Begin, Until, Now, Count) when Now < Until ->
    Send(),
    receive Bytes -> ok end,
    stream(Send, Bytes, Begin, Until, erlang:monotonic_time(nanosecond), Count + 1);
stream(_, Bytes, Begin, _, Now, Count) ->
    receive Bytes -> ok end,
    {streamed, Bytes * Count, Now - Begin}.
