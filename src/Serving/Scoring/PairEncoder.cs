using Serving.Models;
using Serving.Tokenization;

namespace Serving.Scoring;

/// <summary>
/// Packs source and answer for one scorer model; the trainer uses it too, so that models see in service what they saw in training. Only the
/// source is cut to fit. Special tokens written inside a text are left out: only the packing sets markers. Thread-safe.
/// </summary>
public sealed class PairEncoder
{
    private const int RecentTexts = 64;

    private readonly TextTokenizer _tokenizer;
    private readonly ScorerConfig _config;
    private readonly int _copies;        // of the answer in a row
    private readonly int _begin;
    private readonly int _middle;
    private readonly int _end;
    private readonly int[] _canonical;

    // The candidates of a request share one source, so its tokens are asked for many times in a row. Entries are replaced whole.
    private readonly Recent?[] _recent = new Recent?[RecentTexts];

    /// <exception cref="ModelConfigException">The tokenizer and the config do not go together.</exception>
    public PairEncoder(TextTokenizer tokenizer, EncoderConfig config)
        : this(tokenizer, config.Scorer)
    {
    }

    /// <exception cref="ModelConfigException">The tokenizer and the config do not go together.</exception>
    public PairEncoder(TextTokenizer tokenizer, LikelihoodConfig config)
        : this(tokenizer, config.Scorer)
    {
    }

    /// <exception cref="ModelConfigException">The tokenizer and the config do not go together.</exception>
    public PairEncoder(TextTokenizer tokenizer, ScorerConfig config)
    {
        _tokenizer = tokenizer;
        _config = config;
        var likelihood = config.Packing == PairPacking.Likelihood;
        _copies = likelihood ? 2 : 1;
        Markers = likelihood ? 6 : 3;
        _begin = likelihood ? Marker("<s>") : Marker("<s>", "[CLS]");
        _end = likelihood ? Marker("</s>") : Marker("</s>", "[SEP]");
        _middle = likelihood ? Marker("<sum>") : _end;
        _canonical = config.Packing == PairPacking.Segments ? [] : CanonicalIds(tokenizer);
        if (tokenizer.VocabularySize > config.VocabularySize)
        {
            throw new ModelConfigException(
                $"tokenizer.json has ids up to {tokenizer.VocabularySize - 1}, but config.json says vocab_size {config.VocabularySize}: "
                + "they are of different models.");
        }

        if (config.MaxPositions <= Markers)
        {
            throw new ModelConfigException($"config.json: max_position_embeddings ({config.MaxPositions}) leaves no room beside the {Markers} markers.");
        }
    }

    /// <summary>Special tokens of a row.</summary>
    public int Markers { get; }

    /// <summary>Tokens that fit beside the markers.</summary>
    public int Room => _config.MaxPositions - Markers;

    /// <summary>Tokens of a source that fit beside an answer; negative where the answer alone does not fit.</summary>
    public int SourceRoom(int answerTokens) => Room - (_copies * answerTokens);

    /// <summary>Tokens of an answer that fit beside a source: an answer may stand in a row more than once.</summary>
    public int AnswerRoom(int sourceTokens) => (Room - sourceTokens) / _copies;

    public EncodedPair Encode(string source, string answer) => Pack(SourceTokens(source), Tokens(answer));

    /// <summary>Ids of a text without the white space around it and without special tokens.</summary>
    public int[] Tokens(string text)
    {
        var ids = _tokenizer.Encode(text.Trim());
        return Array.Exists(ids, IsSpecial) ? Array.FindAll(ids, id => !IsSpecial(id)) : ids;
    }

    /// <summary><see cref="Tokens"/> through a small memory of recent texts; do not change the array.</summary>
    public int[] SourceTokens(string source)
    {
        ref var slot = ref _recent[(uint)string.GetHashCode(source) % RecentTexts];
        if (Volatile.Read(ref slot) is { } recent && recent.Text == source)
        {
            return recent.Ids;
        }

        var ids = Tokens(source);
        Volatile.Write(ref slot, new Recent(source, ids));
        return ids;
    }

    /// <summary>Packs tokens that hold no special ones.</summary>
    public EncodedPair Pack(ReadOnlySpan<int> source, ReadOnlySpan<int> answer)
    {
        var answerCut = answer.Length > AnswerRoom(0);
        answer = answer[..Math.Min(answer.Length, AnswerRoom(0))];
        var sourceCut = source.Length > SourceRoom(answer.Length);
        source = source[..Math.Min(source.Length, SourceRoom(answer.Length))];

        int[] ids = [_begin, .. source, _middle, .. answer, _end];
        return _config.Packing switch
        {
            PairPacking.Segments => new EncodedPair(ids, SegmentTypes(source.Length, answer.Length), sourceCut, answerCut),
            PairPacking.Overlap => new EncodedPair(ids, OverlapTypes(source, answer), sourceCut, answerCut),
            _ => new EncodedPair([.. ids, _begin, _middle, .. answer, _end], LikelihoodTypes(source, answer), sourceCut, answerCut),
        };
    }

    private byte[] SegmentTypes(int source, int answer)
    {
        var types = new byte[source + answer + Markers];
        types.AsSpan(source + 2).Fill(1);
        return types;
    }

    /// <summary>
    /// The first id with the same text apart from case and white space around it: "Real", " real" and "real" are one token to the overlap
    /// marks, or the first word of every answer would look new.
    /// </summary>
    private static int[] CanonicalIds(TextTokenizer tokenizer)
    {
        var firsts = new Dictionary<string, int>(StringComparer.Ordinal);
        var canonical = new int[tokenizer.VocabularySize];
        for (var id = 0; id < canonical.Length; id++)
        {
            var bytes = tokenizer.BytesOf(id).ToArray();
            var text = string.Concat(bytes.Select(b => (char)(b is >= (byte)'A' and <= (byte)'Z' ? b | 0x20 : b))).Trim(' ');
            canonical[id] = text.Length == 0 ? id : firsts.TryGetValue(text, out var first) ? first : firsts[text] = id;
        }

        return canonical;
    }

    /// <summary>0 and 2 for the segments, plus 1 where the same token stands in the other one.</summary>
    private byte[] OverlapTypes(ReadOnlySpan<int> source, ReadOnlySpan<int> answer)
    {
        var (inSource, inAnswer) = (CanonicalSet(source), CanonicalSet(answer));
        var types = new byte[source.Length + answer.Length + Markers];
        for (var i = 0; i < source.Length; i++)
        {
            types[i + 1] = (byte)(inAnswer.Contains(_canonical[source[i]]) ? 1 : 0);
        }

        for (var i = 0; i < answer.Length; i++)
        {
            types[source.Length + 2 + i] = (byte)(inSource.Contains(_canonical[answer[i]]) ? 3 : 2);
        }

        types[^1] = 2;
        return types;
    }

    /// <summary>
    /// 0 = before the answer, 1 and 2 = a token of the answer (or its end) that the source lacks or has; without the source 3 = before the answer,
    /// 4 = the answer and its end.
    /// </summary>
    private byte[] LikelihoodTypes(ReadOnlySpan<int> source, ReadOnlySpan<int> answer)
    {
        var inSource = CanonicalSet(source);
        var types = new byte[source.Length + (2 * answer.Length) + Markers];
        var first = source.Length + 2;
        for (var i = 0; i < answer.Length; i++)
        {
            types[first + i] = (byte)(inSource.Contains(_canonical[answer[i]]) ? 2 : 1);
        }

        types[first + answer.Length] = 1;
        types.AsSpan(first + answer.Length + 1, 2).Fill(3);
        types.AsSpan(first + answer.Length + 3).Fill(4);
        return types;
    }

    private HashSet<int> CanonicalSet(ReadOnlySpan<int> ids)
    {
        var set = new HashSet<int>(ids.Length);
        foreach (var id in ids)
        {
            set.Add(_canonical[id]);
        }

        return set;
    }

    private bool IsSpecial(int id) => _tokenizer.BytesOf(id).IsEmpty;

    private int Marker(params ReadOnlySpan<string> names)
    {
        foreach (var name in names)
        {
            if (_tokenizer.IdOf(name) is { } id)
            {
                return id;
            }
        }

        var wanted = names.Length == 1 ? $"no \"{names[0]}\"" : $"neither \"{names[0]}\" nor \"{names[1]}\"";
        throw new ModelConfigException($"tokenizer.json has {wanted}, which pairs are packed with.");
    }

    private sealed record Recent(string Text, int[] Ids);
}
