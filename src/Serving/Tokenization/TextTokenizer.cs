using System.Runtime.InteropServices;
using System.Text;
using Serving.Tokenization.Splitting;
using Serving.Tokenization.Templates;

namespace Serving.Tokenization;

/// <summary>
/// Text to ids and back for one tokenizer.json of Hugging Face: BPE (byte-level or with byte fallback), Unigram, WordPiece. Ids are those of the
/// Hugging Face library. Behaves as immutable and is thread-safe.
/// </summary>
public sealed class TextTokenizer
{
    private readonly TokenizerFile _file;
    private readonly ChatTemplate? _chat;
    private readonly WordCache _cache = new();

    internal TextTokenizer(TokenizerFile file, ChatTemplate? chat)
    {
        _file = file;
        _chat = chat;
    }

    /// <summary>
    /// Reads a model folder: tokenizer.json, the special tokens of tokenizer_config.json and special_tokens_map.json, and the chat template of
    /// chat_template.jinja or else of tokenizer_config.json. All but the first may be missing.
    /// </summary>
    /// <param name="time">The clock of templates that print the date; the system's when null.</param>
    /// <exception cref="TokenizerException">A file is damaged or of an unsupported kind; the message names file and field.</exception>
    public static TextTokenizer Load(string folder, TimeProvider? time = null) =>
        new(TokenizerFile.Read(folder), ChatTemplateFile.Read(folder, time ?? TimeProvider.System));

    /// <summary>One more than the largest id.</summary>
    public int VocabularySize => _file.Bytes.Middle.Length;

    /// <summary>Ids that the tokenizer's post-processor puts before a text (bos); often none. <see cref="Encode"/> does not add them.</summary>
    public IReadOnlyList<int> PrefixIds => _file.Specials.Prefix;

    /// <summary>Ids that the post-processor puts behind a text (eos, [SEP]).</summary>
    public IReadOnlyList<int> SuffixIds => _file.Specials.Suffix;

    /// <summary>
    /// Ids of <paramref name="text"/>; special tokens written in the text are recognised, none is added. Half a surrogate pair counts as U+FFFD.
    /// </summary>
    /// <exception cref="TokenizerException">The file's patterns are too slow for this text, or its normaliser makes it too long.</exception>
    public int[] Encode(string text)
    {
        text = WellFormed(text);
        var ids = new List<int>((text.Length / 3) + 8);
        foreach (var (id, start, end) in _file.Added.Split(text))
        {
            if (id >= 0)
            {
                ids.Add(id);
                continue;
            }

            EncodeSection(_file.Normalize(text[start..end]), start == 0, ids);
        }

        return [.. ids];
    }

    /// <summary>
    /// Ids of a whole prompt that is plain text: <see cref="PrefixIds"/>, the text, and no suffix, since the answer goes on from here. A chat template
    /// writes its bos itself, so its text is for <see cref="Encode"/>.
    /// </summary>
    public int[] EncodePrompt(string text) => [.. PrefixIds, .. Encode(text)];

    /// <summary>Ids of a text between <see cref="PrefixIds"/> and <see cref="SuffixIds"/>, as the Hugging Face library gives them by default.</summary>
    public int[] EncodeWithSpecials(string text) => [.. PrefixIds, .. Encode(text), .. SuffixIds];

    /// <summary>
    /// Text of ids, special tokens left out; bytes that are not UTF-8 become U+FFFD. The ids are taken as a whole text: where the vocabulary writes
    /// a space before the first word, that space is not part of it.
    /// </summary>
    public string Decode(ReadOnlySpan<int> tokens)
    {
        var decoder = CreateDecoder();
        var text = new StringBuilder();
        foreach (var token in tokens)
        {
            text.Append(decoder.Append(token));
        }

        return text.Append(decoder.Flush()).ToString();
    }

    /// <summary>A decoder for a stream of tokens: bytes of split characters wait until the character is whole. What it gives in all is <see cref="Decode"/>.</summary>
    public TokenDecoder CreateDecoder() => new(_file.Bytes);

    /// <summary>
    /// The raw bytes that a token adds behind others; empty for special tokens and for ids outside the vocabulary. Right for an answer, which goes on
    /// from its prompt; a whole text may begin with one space less (<see cref="Decode"/>).
    /// </summary>
    public ReadOnlyMemory<byte> BytesOf(int token) => _file.Bytes.Of(token);

    /// <summary>Id of a vocabulary entry or added token by its exact content ("&lt;s&gt;"), or null.</summary>
    public int? IdOf(string token) => _file.Ids.TryGetValue(token, out var id) ? id : null;

    /// <summary>Prompt text of a conversation by the folder's chat template, up to where the answer begins.</summary>
    /// <exception cref="TokenizerException">The folder has no chat template, or the template refuses the conversation; the message says which.</exception>
    public string ApplyChatTemplate(IReadOnlyList<ChatMessage> messages) =>
        (_chat ?? throw new TokenizerException("tokenizer_config.json has no chat_template: use /v1/completions with a plain prompt.")).Render(messages);

    private void EncodeSection(string text, bool first, List<int> ids)
    {
        foreach (var (id, start, end) in _file.AddedNormalized.Split(text))
        {
            if (id >= 0)
            {
                ids.Add(id);
                continue;
            }

            var part = start == 0 && end == text.Length ? text : text[start..end];
            foreach (var word in _file.PreTokenizer.Split(part, first && start == 0))
            {
                EncodeWord(word, ids);
            }
        }
    }

    private void EncodeWord(Piece word, List<int> ids)
    {
        if (word.Length <= WordCache.LongestWord && _cache.TryGet(word.Span, out var known))
        {
            ids.AddRange(known.AsSpan());
            return;
        }

        var before = ids.Count;
        _file.Vocabulary.Encode(_file.PreTokenizer.EndsInBytes ? PreTokenizer.ToBytes(word.Span) : word.ToString(), ids);
        if (word.Length <= WordCache.LongestWord)
        {
            _cache.Add(word.Span, CollectionsMarshal.AsSpan(ids)[before..].ToArray());
        }
    }

    private static string WellFormed(string text)
    {
        if (text.AsSpan().IndexOfAnyInRange('\uD800', '\uDFFF') < 0)
        {
            return text;
        }

        var whole = new StringBuilder(text.Length);
        foreach (var c in text.EnumerateRunes())
        {
            whole.Append(c);           // a lone surrogate is enumerated as U+FFFD
        }

        return whole.ToString();
    }
}
