using Serving.Models;
using Serving.Tokenization;

namespace Serving.Scoring;

/// <summary>
/// Packs source and answer for one scorer model; the trainer uses it too, so that models see in service what they saw in training. Only the
/// source is cut to fit. Special tokens written inside a text are left out: only the packing sets markers. Thread-safe.
/// </summary>
public sealed class PairEncoder
{
    /// <summary>&lt;s&gt; source &lt;/s&gt; answer &lt;/s&gt;.</summary>
    public const int Markers = 3;

    private const int RecentTexts = 64;

    private readonly TextTokenizer _tokenizer;
    private readonly EncoderConfig _config;
    private readonly int _begin;
    private readonly int _end;
    private readonly int[] _canonical;

    // The candidates of a request share one source, so its tokens are asked for many times in a row. Entries are replaced whole.
    private readonly Recent?[] _recent = new Recent?[RecentTexts];

    /// <exception cref="ModelConfigException">The tokenizer and the config do not go together.</exception>
    public PairEncoder(TextTokenizer tokenizer, EncoderConfig config)
    {
        _tokenizer = tokenizer;
        _config = config;
        _begin = Marker("<s>", "[CLS]");
        _end = Marker("</s>", "[SEP]");
        _canonical = config.MarksOverlap ? CanonicalIds(tokenizer) : [];
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

    /// <summary>Tokens of source and answer that fit together.</summary>
    public int Room => _config.MaxPositions - Markers;

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
        var answerCut = answer.Length > Room;
        answer = answer[..Math.Min(answer.Length, Room)];
        var sourceCut = source.Length > Room - answer.Length;
        source = source[..Math.Min(source.Length, Room - answer.Length)];

        var ids = new int[source.Length + answer.Length + Markers];
        ids[0] = _begin;
        source.CopyTo(ids.AsSpan(1));
        ids[source.Length + 1] = _end;
        answer.CopyTo(ids.AsSpan(source.Length + 2));
        ids[^1] = _end;
        var types = _config.MarksOverlap ? OverlapTypes(source, answer) : SegmentTypes(source.Length, answer.Length);
        return new EncodedPair(ids, types, sourceCut, answerCut);
    }

    private static byte[] SegmentTypes(int source, int answer)
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
        var inSource = new HashSet<int>(source.Length);
        var inAnswer = new HashSet<int>(answer.Length);
        foreach (var id in source)
        {
            inSource.Add(_canonical[id]);
        }

        foreach (var id in answer)
        {
            inAnswer.Add(_canonical[id]);
        }

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

    private bool IsSpecial(int id) => _tokenizer.BytesOf(id).IsEmpty;

    private int Marker(string ours, string bert) => _tokenizer.IdOf(ours) ?? _tokenizer.IdOf(bert)
        ?? throw new ModelConfigException($"tokenizer.json has neither \"{ours}\" nor \"{bert}\", which pairs are packed with.");

    private sealed record Recent(string Text, int[] Ids);
}
