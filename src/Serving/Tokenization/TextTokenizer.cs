using System.Text;
using System.Text.RegularExpressions;
using Microsoft.ML.Tokenizers;

namespace Serving.Tokenization;

/// <summary>Text to ids and back for one tokenizer.json. Immutable and thread-safe.</summary>
public sealed class TextTokenizer
{
    private readonly BpeTokenizer _bpe;
    private readonly Dictionary<string, int> _ids;
    private readonly ReadOnlyMemory<byte>[] _bytes;
    private readonly ChatTemplate? _chat;

    internal TextTokenizer(TokenizerFile file, ChatTemplate? chat)
    {
        _ids = file.Vocabulary;
        _chat = chat;
        _bytes = new ReadOnlyMemory<byte>[file.Vocabulary.Values.Max() + 1];
        foreach (var (entry, id) in file.Vocabulary)
        {
            _bytes[id] = file.Specials.ContainsKey(entry)
                ? ReadOnlyMemory<byte>.Empty
                : ByteAlphabet.BytesOf(entry) ?? Encoding.UTF8.GetBytes(entry);        // an added token is plain text, not alphabet
        }

        // Both the model and the pre-tokeniser must know the special tokens, or they are split like ordinary text.
        _bpe = BpeTokenizer.Create(new BpeOptions(file.Vocabulary)
        {
            Merges = file.Merges,
            ByteLevel = true,
            SpecialTokens = file.Specials,
            PreTokenizer = new RegexPreTokenizer(new Regex(file.Pattern, RegexOptions.Compiled | RegexOptions.CultureInvariant), file.Specials),
        });
    }

    /// <summary>Reads tokenizer.json (and tokenizer_config.json, when present) of a model folder.</summary>
    /// <exception cref="TokenizerException">The file is damaged or of an unsupported kind; the message names the field.</exception>
    public static TextTokenizer Load(string folder) => new(TokenizerFile.Read(folder), TokenizerFile.ReadChatTemplate(folder));

    /// <summary>One more than the largest id.</summary>
    public int VocabularySize => _bytes.Length;

    /// <summary>Ids of <paramref name="text"/>; special tokens written in the text are recognised, none is added.</summary>
    public int[] Encode(string text) => text.Length == 0 ? [] : [.. _bpe.EncodeToIds(text)];

    /// <summary>Text of ids, special tokens left out; bytes that are not UTF-8 become U+FFFD.</summary>
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

    /// <summary>A decoder for a stream of tokens: bytes of split characters wait until the character is whole.</summary>
    public TokenDecoder CreateDecoder() => new(this);

    /// <summary>The raw bytes that a token stands for; empty for special tokens and for ids outside the vocabulary.</summary>
    public ReadOnlyMemory<byte> BytesOf(int token) => (uint)token < (uint)_bytes.Length ? _bytes[token] : default;

    /// <summary>Id of a vocabulary entry or added token by its exact content ("&lt;s&gt;"), or null.</summary>
    public int? IdOf(string token) => _ids.TryGetValue(token, out var id) ? id : null;

    /// <summary>Prompt text of a conversation by the folder's chat template.</summary>
    /// <exception cref="TokenizerException">The folder has no chat template.</exception>
    public string ApplyChatTemplate(IReadOnlyList<ChatMessage> messages) =>
        (_chat ?? throw new TokenizerException("tokenizer_config.json has no chat_template: use /v1/completions with a plain prompt.")).Render(messages);
}
