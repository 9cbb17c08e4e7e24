%% What this release makes of bytes that claim to be a term, beside what erland made of them.
%%
%% First a frame with the release; then for each frame that is a batch of cases one with a verdict
%% for each and the number of atoms.
-module(differential).
-export([start/1]).

start(Port) ->
    true = port_command(Port, erlang:system_info(otp_release)),
    loop(Port).

loop(Port) ->
    receive
        {Port, {data, Batch}} ->
            Verdicts = verdicts(Batch),
            true = port_command(Port, [Verdicts, <<(erlang:system_info(atom_count)):32>>]),
            loop(Port);
        {Port, eof} ->
            erlang:halt(0, [{flush, false}])
    end.

%% A case is `Length:32, Input, Length:32, Encoded, Compare, Hash:32`: what is to be decoded, what
%% erland encoded the term to that it decoded, and its hash. A length of all ones, and nothing
%% behind it: erland has refused the input. Compare is 1 if the hash is the same on all nodes, plus
%% 2 if the bytes are.
verdicts(<<Length:32, Input:Length/binary, 16#ffffffff:32, Batch/binary>>) ->
    Verdict =
        try binary_to_term(Input) of
            _ -> $A
        catch
            error:badarg -> $r;
            _:_ -> $X
        end,
    [Verdict | verdicts(Batch)];
verdicts(<<Length:32, Input:Length/binary, Size:32, Encoded:Size/binary, Compare, Hash:32, Batch/binary>>) ->
    Verdict =
        try binary_to_term(Input) of
            Term ->
                case compare(Term, Encoded) of
                    $a when Compare band 1 =:= 1 ->
                        case erlang:phash2(Term, 1 bsl 32) of
                            Hash -> bytes(Term, Encoded, Compare);
                            _ -> $H
                        end;
                    $a ->
                        bytes(Term, Encoded, Compare);
                    Compared ->
                        Compared
                end
        catch
            error:badarg -> $R;
            _:_ -> $X
        end,
    [Verdict | verdicts(Batch)];
verdicts(<<>>) ->
    [].

compare(Term, Encoded) ->
    try binary_to_term(Encoded) of
        Equal when Equal =:= Term -> $a;
        _ -> $D
    catch
        error:badarg -> $E;
        _:_ -> $X
    end.

bytes(Term, Encoded, Compare) when Compare band 2 =:= 2 ->
    case term_to_binary(Term, [deterministic]) of
        Encoded -> $a;
        _ -> $B
    end;
bytes(_, _, _) ->
    $a.
