using System.Text;
using System.Text.Json;
using Serving.Tokenization.Decoding;
using Serving.Tokenization.Normalization;
using Serving.Tokenization.Splitting;
using Serving.Tokenization.Vocabularies;

namespace Serving.Tokenization;

/// <summary>A Hugging Face tokenizer.json, its parts built and checked. Immutable.</summary>
/// <param name="Ids">Of all entries and added tokens.</param>
/// <param name="Added">Tokens found in the text as it comes.</param>
/// <param name="AddedNormalized">Tokens found in the normalised text.</param>
internal sealed record TokenizerFile(
    Dictionary<string, int> Ids,
    Vocabulary Vocabulary,
    TextRule Normalize,
    PreTokenizer PreTokenizer,
    AddedTokens Added,
    AddedTokens AddedNormalized,
    TokenBytes Bytes,
    SpecialTokens Specials)
{
    /// <summary>Room for the largest published tokenizer (34 MB), and a bound on what a file can make us allocate.</summary>
    private const long MostBytes = 128 << 20;

    private const int MostContent = 4_096;

    private static readonly JsonDocumentOptions _strict = new() { AllowDuplicateProperties = false, MaxDepth = 64 };

    /// <exception cref="TokenizerException">The file is missing, damaged or of an unsupported kind; the message names the field.</exception>
    public static TokenizerFile Read(string folder) => Read(Path.Combine(folder, "tokenizer.json"), Read);

    /// <summary>Opens a JSON file and hands over its root; everything that can be wrong with it becomes a <see cref="TokenizerException"/>.</summary>
    public static T Read<T>(string path, Func<JsonField, T> read)
    {
        try
        {
            using var json = JsonDocument.Parse(ReadBytes(path), _strict);
            return read(new JsonField(json.RootElement, path, ""));
        }
        catch (JsonException e)
        {
            throw new TokenizerException($"{path}: cannot be read ({e.Message}).");
        }
    }

    /// <summary>A whole text file.</summary>
    public static string ReadText(string path) => Encoding.UTF8.GetString(ReadBytes(path));

    private static byte[] ReadBytes(string path)
    {
        try
        {
            var length = new FileInfo(path).Length;
            return length <= MostBytes
                ? File.ReadAllBytes(path)
                : throw new TokenizerException($"{path}: {length} bytes are more than the {MostBytes} that a tokenizer may have.");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new TokenizerException($"{path}: cannot be read ({e.Message}).");
        }
    }

    private static TokenizerFile Read(JsonField root)
    {
        var preTokenizer = PreTokenizerReader.Read(root.Optional("pre_tokenizer"));
        var vocabulary = VocabularyReader.Read(root.Required("model"), preTokenizer.EndsInBytes);
        var normalize = NormalizerReader.Read(root.Optional("normalizer"));
        var added = root.Optional("added_tokens") is { } list ? ReadAdded(list, vocabulary.Ids) : [];
        var ids = new Dictionary<string, int>(vocabulary.Ids, StringComparer.Ordinal);
        foreach (var token in added)
        {
            ids[token.Content] = token.Id;
        }

        var special = added.Where(token => token.Special).Select(token => token.Id).ToHashSet();
        var known = ids.Values.ToHashSet();
        return new TokenizerFile(
            ids,
            vocabulary,
            normalize,
            preTokenizer,
            new AddedTokens(added.Where(token => !token.Normalized).Select(token => (token.Content, token))),
            new AddedTokens(added.Where(token => token.Normalized).Select(token => (NormalizedContent(token, normalize, root), token))),
            DecoderReader.Read(root.Optional("decoder"), ids, known.Max() + 1, special.Contains),
            SpecialTokens.Read(root.Optional("post_processor"), known.Contains));
    }

    private static string NormalizedContent(AddedToken token, TextRule normalize, JsonField root)
    {
        var content = normalize(token.Content);
        return content.Length <= MostContent
            ? content
            : throw root.Required("normalizer").Broken($"makes the added token {token.Id} longer than {MostContent} characters");
    }

    private static List<AddedToken> ReadAdded(JsonField list, Dictionary<string, int> entries)
    {
        var taken = entries.ToDictionary(entry => entry.Value, entry => entry.Key);
        var contents = new Dictionary<string, int>(entries, StringComparer.Ordinal);
        var added = new List<AddedToken>();
        foreach (var field in list.Items())
        {
            var content = field.Required("content").Text();
            var id = field.Required("id").Count(Vocabulary.MostIds - 1);
            if (content.Length == 0)
            {
                throw field.Required("content").Broken("is empty");
            }

            if (contents.GetValueOrDefault(content, id) != id || taken.GetValueOrDefault(id, content) != content)
            {
                throw field.Broken($"gives one id to two tokens, or one token two ids: \"{content}\" and {id} are taken");
            }

            contents[content] = id;
            taken[id] = content;
            var special = field.FlagOr("special", false);
            added.Add(new AddedToken(
                id,
                content,
                special,
                field.FlagOr("normalized", !special),
                field.FlagOr("lstrip", false),
                field.FlagOr("rstrip", false),
                field.FlagOr("single_word", false)));
        }

        return added;
    }
}
