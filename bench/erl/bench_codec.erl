%% What the benchmark runs inside the BEAM: the maker of the corpus, and the BEAM as a peer.
%%
%% Speaks over its standard input and output in packets with a length of four bytes (a port of
%% `{fd, 0, 1}`, so that nothing of the io system comes between). Requests are
%%
%%     corpus                      -> "row NAME TALLY", the bytes, … , "end"
%%     load NAME BYTES             -> "ok TALLY"
%%     decode|encode NAME N WORDS  -> nanoseconds of N operations
%%     encoded NAME                -> the bytes of term_to_binary/1
%%
%% No macro and no include: it is compiled from its text by the release that runs it.
-module(bench_codec).
-export([main/0]).

main() ->
    Port = open_port({fd, 0, 1}, [{packet, 4}, binary, eof]),
    loop(Port, #{}).

loop(Port, Rows) ->
    receive
        {Port, {data, <<"corpus">>}} ->
            [begin
                 reply(Port, ["row ", Name, " ", tally(Term)]),
                 reply(Port, term_to_binary(Term, [{minor_version, 2}]))
             end || {Name, Term} <- corpus()],
            reply(Port, <<"end">>),
            loop(Port, Rows);
        {Port, {data, <<"load ", Rest/binary>>}} ->
            [Name, Bytes0] = binary:split(Rest, <<" ">>),
            %% A copy, lest the bytes be a slice of the request.
            Bytes = binary:copy(Bytes0),
            reply(Port, ["ok ", tally(binary_to_term(Bytes))]),
            loop(Port, Rows#{Name => Bytes});
        {Port, {data, <<"encoded ", Name/binary>>}} ->
            reply(Port, term_to_binary(binary_to_term(maps:get(Name, Rows)))),
            loop(Port, Rows);
        {Port, {data, Request}} ->
            [What, Name, N, Words] = binary:split(Request, <<" ">>, [global]),
            Time = sample(What, maps:get(Name, Rows), binary_to_integer(N), binary_to_integer(Words)),
            reply(Port, integer_to_binary(Time)),
            loop(Port, Rows);
        {Port, eof} ->
            halt(0)
    end.

reply(Port, Data) ->
    port_command(Port, Data).

%% A fresh process for each sample, so that none inherits the heap of another. What is collected
%% while the operations run is part of their cost.
sample(What, Bytes, N, Words) ->
    Self = self(),
    Options = case Words of 0 -> []; _ -> [{min_heap_size, Words}] end,
    {Pid, Monitor} = spawn_opt(fun() -> Self ! {self(), timed(What, Bytes, N)} end, [monitor | Options]),
    receive
        {Pid, Time} ->
            receive {'DOWN', Monitor, _, _, _} -> Time end;
        {'DOWN', Monitor, _, _, Reason} ->
            exit(Reason)
    end.

timed(<<"decode">>, Bytes, N) ->
    Start = erlang:monotonic_time(),
    decode(Bytes, N),
    erlang:convert_time_unit(erlang:monotonic_time() - Start, native, nanosecond);
timed(<<"encode">>, Bytes, N) ->
    Term = binary_to_term(Bytes),
    Start = erlang:monotonic_time(),
    _ = encode(Term, N, 0),
    erlang:convert_time_unit(erlang:monotonic_time() - Start, native, nanosecond).

%% The compiler keeps a call of binary_to_term/1 whose result is not used, since it may fail.
decode(_, 0) -> ok;
decode(Bytes, N) ->
    _ = binary_to_term(Bytes),
    decode(Bytes, N - 1).

%% It drops one of term_to_binary/1, which cannot, unless the result is used.
encode(_, 0, Size) -> Size;
encode(Term, N, Size) ->
    encode(Term, N - 1, Size + byte_size(term_to_binary(Term))).

%% ---- the corpus ----

corpus() ->
    [{"gen_call", gen_call()},
     {"ints10k", rows(ints10k, 10000, fun(_) -> mixed_integer() end)},
     {"map1k", map1k()},
     {"doc100k", doc100k()},
     {"atoms10k", atoms10k()},
     {"bin1m", begin seed(bin1m), bytes(1 bsl 20) end},
     {"bigfloat", {rows(bigs, 1000, fun(_) -> big() end), rows(floats, 1000, fun(_) -> float() end)}},
     {"deep1k", lists:foldl(fun(_, Inside) -> {nested, Inside} end, [], lists:seq(1, 1000))},
     {"strings", rows(strings, 2500, fun(_) -> [rand:uniform(255) || _ <- lists:seq(1, rand:uniform(80))] end)},
     {"pidrefs5k", rows(pidrefs5k, 5000, fun(_) -> pid_and_reference() end)}].

seed(Row) -> rand:seed(exsss, erlang:phash2(Row)).

rows(Row, Count, Make) ->
    seed(Row),
    lists:map(Make, lists:seq(1, Count)).

bytes(Size) -> << <<(rand:uniform(256) - 1)>> || _ <- lists:seq(1, Size) >>.

%% What gen_server:call/3 to a process on another node puts on the wire since OTP 24.
gen_call() ->
    {'$gen_call', {pid('shop@10.0.0.7', 1842, 3), [alias | reference('shop@10.0.0.7', [81113, 2947612673, 1380517])]},
     {lookup, <<"customer:4711">>, 5000}}.

%% Of 40, 38 have 32 bits and a sign, one is below 256 and one up to 60 bits wide.
mixed_integer() ->
    case rand:uniform(40) of
        1 -> rand:uniform(256) - 1;
        2 -> rand:uniform(1 bsl 60) * sign();
        _ -> rand:uniform(1 bsl 32) - (1 bsl 31) - 1
    end.

sign() -> case rand:uniform(2) of 1 -> 1; 2 -> -1 end.

big() -> ((1 bsl 127) bor (rand:uniform(1 bsl 127) - 1)) * sign().

float() -> (rand:uniform() - 0.5) * math:pow(10, rand:uniform(40) - 20).

word() -> element(rand:uniform(24), {
    <<"alpha">>, <<"beacon">>, <<"cinder">>, <<"delta">>, <<"ember">>, <<"fjord">>, <<"garnet">>, <<"harbour">>,
    <<"island">>, <<"juniper">>, <<"kelp">>, <<"lantern">>, <<"meadow">>, <<"north">>, <<"orchard">>, <<"pebble">>,
    <<"quartz">>, <<"river">>, <<"slate">>, <<"timber">>, <<"umbra">>, <<"valley">>, <<"willow">>, <<"zenith">>}).

%% Keys of 12 to 16 bytes; a third of the values is below 256, a third has 32 bits, a third 60.
map1k() ->
    seed(map1k),
    Value = fun() -> rand:uniform(element(rand:uniform(3), {1 bsl 8, 1 bsl 31, 1 bsl 60})) - 1 end,
    maps:from_list([{<<(word())/binary, $:, (integer_to_binary(1000000 + Key))/binary>>, Value()}
                    || Key <- lists:seq(1, 1000)]).

%% Orders of a shop: maps with atom keys as Erlang writes structs, lists, texts as binaries.
doc100k() ->
    seed(doc100k),
    #{version => 3, title => <<"Orders of the day">>, orders => [order(Id) || Id <- lists:seq(1, 255)]}.

order(Id) ->
    #{id => 100000 + Id,
      open => rand:uniform(2) =:= 1,
      total => rand:uniform(1000000) / 100,
      customer => #{name => text(2), email => <<(word())/binary, "@example.org">>, since => 2000 + rand:uniform(25)},
      tags => [word() || _ <- lists:seq(1, rand:uniform(4))],
      lines => [#{sku => <<"sku-", (integer_to_binary(rand:uniform(1000000)))/binary>>,
                  count => rand:uniform(9), price => rand:uniform(10000) / 100, note => text(rand:uniform(4))}
                || _ <- lists:seq(1, rand:uniform(5))]}.

text(1) -> word();
text(Words) -> <<(word())/binary, " ", (text(Words - 1))/binary>>.

%% 10,000 of 50 names of 4 to 20 characters.
atoms10k() ->
    seed(names),
    Letters = fun(Count) -> [$a + rand:uniform(26) - 1 || _ <- lists:seq(1, Count)] end,
    Names = list_to_tuple([list_to_atom(Letters(3 + rand:uniform(17))) || _ <- lists:seq(1, 50)]),
    rows(atoms10k, 10000, fun(_) -> element(rand:uniform(50), Names) end).

%% A process and a reference of its node, of three nodes.
pid_and_reference() ->
    Node = element(rand:uniform(3), {'shop@10.0.0.7', 'shop@10.0.0.8', 'stock@10.0.0.9'}),
    {pid(Node, rand:uniform(1 bsl 15), rand:uniform(1 bsl 13) - 1),
     reference(Node, [rand:uniform(1 bsl 18) - 1, rand:uniform(1 bsl 32) - 1, rand:uniform(1 bsl 32) - 1])}.

%% Of nodes that are not this one, so by their bytes (NEW_PID_EXT, NEWER_REFERENCE_EXT).
pid(Node, Id, Serial) ->
    binary_to_term(<<131, 88, (atom(Node))/binary, Id:32, Serial:32, 1700000000:32>>).

reference(Node, Words) ->
    binary_to_term(<<131, 90, (length(Words)):16, (atom(Node))/binary, 1700000000:32, (<< <<W:32>> || W <- Words >>)/binary>>).

atom(Name) ->
    Text = atom_to_binary(Name, utf8),
    <<119, (byte_size(Text)), Text/binary>>.

%% ---- what is in a term: see src/tally.rs, which counts the same ----

tally(Term) ->
    Keys = [integers, integer_sum, floats, float_sum, atoms, atom_sum, binaries, binary_sum, pids, pid_sum,
            references, reference_sum, tuples, tuple_elements, lists, list_elements, nils, maps, map_pairs],
    Counts = tally([Term], #{}),
    lists:join(" ", [integer_to_list(maps:get(Key, Counts, 0)) || Key <- Keys]).

tally([], Counts) -> Counts;
tally([Term | Rest], Counts) when is_integer(Term) ->
    tally(Rest, add(integer_sum, Term, add(integers, 1, Counts)));
tally([Term | Rest], Counts) when is_float(Term) ->
    <<Bits:64>> = <<Term/float>>,
    tally(Rest, add(float_sum, Bits, add(floats, 1, Counts)));
tally([Term | Rest], Counts) when is_atom(Term) ->
    tally(Rest, add(atom_sum, sum(atom_to_binary(Term, utf8)), add(atoms, 1, Counts)));
tally([Term | Rest], Counts) when is_binary(Term) ->
    tally(Rest, add(binary_sum, sum(Term), add(binaries, 1, Counts)));
tally([Term | Rest], Counts) when is_pid(Term) ->
    <<131, 88, 119, Size, _:Size/binary, Id:32, Serial:32, Creation:32>> = term_to_binary(Term, [{minor_version, 2}]),
    tally(Rest, add(pid_sum, Id + Serial + Creation, add(pids, 1, Counts)));
tally([Term | Rest], Counts) when is_reference(Term) ->
    <<131, 90, _:16, 119, Size, _:Size/binary, Creation:32, Words/binary>> = term_to_binary(Term, [{minor_version, 2}]),
    Sum = Creation + lists:sum([Word || <<Word:32>> <= Words]),
    tally(Rest, add(reference_sum, Sum, add(references, 1, Counts)));
tally([Term | Rest], Counts) when is_tuple(Term) ->
    tally(tuple_to_list(Term) ++ Rest, add(tuple_elements, tuple_size(Term), add(tuples, 1, Counts)));
tally([[] | Rest], Counts) ->
    tally(Rest, add(nils, 1, Counts));
tally([Term | Rest], Counts) when is_list(Term) ->
    tally_list(Term, Rest, add(lists, 1, Counts));
tally([Term | Rest], Counts) when is_map(Term) ->
    tally(maps:keys(Term) ++ maps:values(Term) ++ Rest, add(map_pairs, map_size(Term), add(maps, 1, Counts))).

tally_list([Element | Tail], Rest, Counts) ->
    tally_list(Tail, Rest, tally([Element], add(list_elements, 1, Counts)));
tally_list([], Rest, Counts) -> tally(Rest, Counts);
tally_list(Tail, Rest, Counts) -> tally([Tail | Rest], Counts).

sum(Binary) -> sum(Binary, 0).
sum(<<Byte, Rest/binary>>, Sum) -> sum(Rest, Sum + Byte);
sum(<<>>, Sum) -> Sum.

%% Sums are of 64 bits and wrap.
add(Key, Value, Counts) ->
    Counts#{Key => (maps:get(Key, Counts, 0) + Value) band 16#ffffffffffffffff}.
