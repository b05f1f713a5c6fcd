using System.Text.Json;

namespace Serving.Tokenization;

/// <summary>What we read of a Hugging Face tokenizer.json: a byte-level BPE vocabulary. Immutable.</summary>
internal sealed record TokenizerFile(
    Dictionary<string, int> Vocabulary, IReadOnlyList<string> Merges, Dictionary<string, int> Specials, string Pattern)
{
    /// <summary>The word pattern of GPT-2, used by the ByteLevel pre-tokeniser when use_regex is true.</summary>
    internal const string WordPattern = @"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";

    public static TokenizerFile Read(string folder)
    {
        var path = Path.Combine(folder, "tokenizer.json");
        try
        {
            using var json = JsonDocument.Parse(File.ReadAllBytes(path));
            return Read(path, json.RootElement);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or KeyNotFoundException or FormatException or IOException)
        {
            throw new TokenizerException($"{path}: cannot be read ({e.Message}).");
        }
    }

    public static ChatTemplate? ReadChatTemplate(string folder)
    {
        var path = Path.Combine(folder, "tokenizer_config.json");
        if (!File.Exists(path))
        {
            return null;
        }

        try
        {
            using var json = JsonDocument.Parse(File.ReadAllBytes(path));
            return json.RootElement.TryGetProperty("chat_template", out var template) && template.GetString() is { } text
                ? new ChatTemplate(text, Token(json.RootElement, "bos_token"), Token(json.RootElement, "eos_token"))
                : null;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or KeyNotFoundException or IOException)
        {
            throw new TokenizerException($"{path}: cannot be read ({e.Message}).");
        }
    }

    private static TokenizerFile Read(string path, JsonElement root)
    {
        var model = root.GetProperty("model");
        var type = model.TryGetProperty("type", out var kind) ? kind.GetString() : "BPE";
        if (type != "BPE" || (model.TryGetProperty("byte_fallback", out var fallback) && fallback.ValueKind == JsonValueKind.True))
        {
            throw new TokenizerException($"{path}: model.type {type}{(type == "BPE" ? " with byte_fallback" : "")} is not supported; byte-level BPE is.");
        }

        if (root.TryGetProperty("normalizer", out var normalizer) && normalizer.ValueKind != JsonValueKind.Null)
        {
            throw new TokenizerException($"{path}: normalizer is not supported.");
        }

        var vocabulary = model.GetProperty("vocab").EnumerateObject().ToDictionary(entry => entry.Name, entry => entry.Value.GetInt32(), StringComparer.Ordinal);
        var merges = model.GetProperty("merges").EnumerateArray()
            .Select(merge => merge.ValueKind == JsonValueKind.Array ? $"{merge[0].GetString()} {merge[1].GetString()}" : merge.GetString()!).ToList();
        var specials = new Dictionary<string, int>(StringComparer.Ordinal);
        if (root.TryGetProperty("added_tokens", out var added))
        {
            foreach (var token in added.EnumerateArray())
            {
                var (content, id) = (token.GetProperty("content").GetString()!, token.GetProperty("id").GetInt32());
                specials[content] = id;
                vocabulary[content] = id;
            }
        }

        if (vocabulary.Count == 0 || vocabulary.Values.Min() < 0 || vocabulary.Values.Distinct().Count() != vocabulary.Count)
        {
            throw new TokenizerException($"{path}: model.vocab is empty or gives one id to two tokens.");
        }

        return new TokenizerFile(vocabulary, merges, specials, PatternOf(path, root.GetProperty("pre_tokenizer")));
    }

    private static string PatternOf(string path, JsonElement pre)
    {
        switch (pre.ValueKind == JsonValueKind.Object ? pre.GetProperty("type").GetString() : "null")
        {
            case "ByteLevel" when !(pre.TryGetProperty("add_prefix_space", out var prefix) && prefix.GetBoolean()):
                return WordPattern;
            case "Sequence":
                var steps = pre.GetProperty("pretokenizers").EnumerateArray().ToArray();
                if (steps is [var split, var bytes] && split.GetProperty("type").GetString() == "Split" && bytes.GetProperty("type").GetString() == "ByteLevel")
                {
                    return split.GetProperty("pattern").GetProperty("Regex").GetString()!;
                }

                goto default;
            default:
                throw new TokenizerException(
                    $"{path}: pre_tokenizer {pre.GetRawText()[..Math.Min(120, pre.GetRawText().Length)]} is not supported; "
                    + "supported are ByteLevel without add_prefix_space, and Split by a Regex followed by ByteLevel.");
        }
    }

    /// <summary>A special token is a string or an object with "content".</summary>
    private static string Token(JsonElement root, string name)
    {
        if (!root.TryGetProperty(name, out var token))
        {
            return "";
        }

        return (token.ValueKind == JsonValueKind.Object ? token.GetProperty("content").GetString() : token.GetString()) ?? "";
    }
}
