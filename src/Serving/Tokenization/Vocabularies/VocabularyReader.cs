using System.Text.Json;

namespace Serving.Tokenization.Vocabularies;

/// <summary>Builds the model of a tokenizer.json. Strict: what would lose text or make an id ambiguous is refused.</summary>
internal static class VocabularyReader
{
    // Bounds on the work that one character of a text can cost.
    private const int MostWordCharacters = 1_000, MostPieceCharacters = 256;

    // Bytes that no UTF-8 text contains: a byte-level vocabulary may lack them.
    private static readonly HashSet<int> _neverInText = [0xC0, 0xC1, .. Enumerable.Range(0xF5, 11)];

    /// <param name="byteLevel">The pre-tokeniser hands over the byte-level alphabet.</param>
    public static Vocabulary Read(JsonField model, bool byteLevel)
    {
        var type = model.TextOrNull("type") ?? (model.Required("vocab").Value.ValueKind == JsonValueKind.Array ? "Unigram" : "BPE");
        return type switch
        {
            "BPE" => BytePairs(model, byteLevel),
            "Unigram" => Unigram(model),
            "WordPiece" => WordPiece(model),
            _ => throw model.Required("type").Unsupported("BPE, Unigram and WordPiece"),
        };
    }

    private static Vocabulary BytePairs(JsonField model, bool byteLevel)
    {
        foreach (var affix in new[] { "continuing_subword_prefix", "end_of_word_suffix" })
        {
            if (model.TextOrNull(affix) is { Length: > 0 })
            {
                throw model.Required(affix).Unsupported("null and \"\"");
            }
        }

        if (model.Optional("dropout") is { } dropout && dropout.Number() != 0)
        {
            throw dropout.Unsupported("null and 0: ids must not depend on chance");
        }

        var ids = Entries(model.Required("vocab"));
        var unknown = model.Optional("unk_token") is { } token ? IdOf(ids, token) : (int?)null;
        var fallback = model.FlagOr("byte_fallback", false) ? Vocabulary.ByteIds(ids) : null;
        if (unknown is null && fallback is null)
        {
            RequireBytes(model, ids, byteLevel);
        }

        var encoder = new BytePairModel(ids, Merges(model.Required("merges"), ids))
        {
            Unknown = unknown,
            FuseUnknown = model.FlagOr("fuse_unk", false),
            ByteFallback = fallback,
            IgnoreMerges = model.FlagOr("ignore_merges", false),
        };
        return new Vocabulary(ids, encoder.Encode);
    }

    private static void RequireBytes(JsonField model, Dictionary<string, int> ids, bool byteLevel)
    {
        var missing = byteLevel
            ? Enumerable.Range(0, 256).FirstOrDefault(b => !_neverInText.Contains(b) && !ids.ContainsKey(ByteAlphabet.CharOf((byte)b).ToString()), -1)
            : 0;
        if (missing >= 0)
        {
            throw model.Broken(byteLevel
                ? $"has no unk_token and no entry for byte 0x{missing:X2}: text with that byte would be lost"
                : "has no unk_token, no ByteLevel pre_tokenizer and no byte_fallback with 256 entries <0x00> to <0xFF>: unknown text would be lost");
        }
    }

    /// <summary>Rank and result of each pair of ids; of two equal merges the later counts, as in the reference.</summary>
    private static Dictionary<long, BytePairModel.Merge> Merges(JsonField merges, Dictionary<string, int> ids)
    {
        var ranked = new Dictionary<long, BytePairModel.Merge>();
        var rank = 0;
        foreach (var merge in merges.Items())
        {
            var (left, right) = Halves(merge);
            if (!ids.TryGetValue(left, out var l) || !ids.TryGetValue(right, out var r) || !ids.TryGetValue(left + right, out var whole))
            {
                throw merge.Broken($"joins \"{left}\" and \"{right}\" to \"{left + right}\", but model.vocab does not have all three");
            }

            ranked[BytePairModel.Key(l, r)] = new BytePairModel.Merge(rank++, whole);
        }

        return ranked;
    }

    /// <summary>"left right" or ["left", "right"].</summary>
    private static (string Left, string Right) Halves(JsonField merge)
    {
        var halves = merge.Value.ValueKind == JsonValueKind.Array ? merge.Items().Select(half => half.Text()).ToArray() : merge.Text().Split(' ');
        return halves is [{ Length: > 0 } left, { Length: > 0 } right] ? (left, right) : throw merge.Broken("is not two entries");
    }

    private static Vocabulary WordPiece(JsonField model)
    {
        var ids = Entries(model.Required("vocab"));
        var unknown = model.Optional("unk_token") is { } token ? IdOf(ids, token)
            : ids.TryGetValue("[UNK]", out var id) ? id
            : throw model.Broken("has no unk_token, which WordPiece needs for words that it cannot spell");
        var longest = model.Optional("max_input_chars_per_word")?.Count(MostWordCharacters) ?? 100;
        return new Vocabulary(ids, new WordPieceModel(ids, unknown, model.TextOr("continuing_subword_prefix", "##"), longest).Encode);
    }

    private static Vocabulary Unigram(JsonField model)
    {
        var ids = new Dictionary<string, int>(StringComparer.Ordinal);
        var scores = new List<double>();
        foreach (var entry in model.Required("vocab").Items())
        {
            JsonField[] pair = [.. entry.Items().Take(3)];
            if (pair.Length != 2)
            {
                throw entry.Broken("is not [piece, score]");
            }

            if (pair[0].Text().Length > MostPieceCharacters)
            {
                throw pair[0].Broken($"is longer than {MostPieceCharacters} characters");
            }

            if (scores.Count >= Vocabulary.MostIds || !ids.TryAdd(pair[0].Text(), scores.Count))
            {
                throw entry.Broken(scores.Count >= Vocabulary.MostIds ? $"is one of more than {Vocabulary.MostIds}" : "repeats an entry: one piece, two ids");
            }

            scores.Add(pair[1].Number());
        }

        var unknown = model.Optional("unk_id")?.Count(scores.Count - 1);
        var bytes = model.FlagOr("byte_fallback", false) ? Vocabulary.ByteIds(ids) : null;
        return unknown is { } id
            ? new Vocabulary(ids, new UnigramModel(ids, scores, id, bytes).Encode)
            : throw model.Broken("has no unk_id, which Unigram needs for characters that no piece covers");
    }

    private static Dictionary<string, int> Entries(JsonField vocab)
    {
        var ids = new Dictionary<string, int>(StringComparer.Ordinal);
        var taken = new HashSet<int>();
        foreach (var (entry, field) in vocab.Members())
        {
            var id = field.Count(Vocabulary.MostIds - 1);
            if (!ids.TryAdd(entry, id) || !taken.Add(id))
            {
                throw vocab.Broken($"gives one id to two tokens, or one token two ids, at \"{entry}\": {id}");
            }
        }

        return ids.Count > 0 ? ids : throw vocab.Broken("is empty");
    }

    private static int IdOf(Dictionary<string, int> ids, JsonField token) =>
        ids.TryGetValue(token.Text(), out var id) ? id : throw token.Broken($"is \"{token.Text()}\", which model.vocab does not have");
}
