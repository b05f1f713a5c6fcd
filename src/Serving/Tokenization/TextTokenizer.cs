namespace Serving.Tokenization;

/// <summary>Text to ids and back for one tokenizer.json. Immutable and thread-safe.</summary>
public sealed class TextTokenizer
{
    /// <summary>Reads tokenizer.json (and tokenizer_config.json, when present) of a model folder.</summary>
    /// <exception cref="TokenizerException">The file is damaged or of an unsupported kind; the message names the field.</exception>
    public static TextTokenizer Load(string folder) => throw new NotImplementedException();

    public int VocabularySize => throw new NotImplementedException();

    /// <summary>Ids of <paramref name="text"/>; special tokens written in the text are recognised, none is added.</summary>
    public int[] Encode(string text) => throw new NotImplementedException();

    /// <summary>Text of ids, special tokens left out.</summary>
    public string Decode(ReadOnlySpan<int> tokens) => throw new NotImplementedException();

    /// <summary>A decoder for a stream of tokens: bytes of split characters wait until the character is whole.</summary>
    public TokenDecoder CreateDecoder() => throw new NotImplementedException();

    /// <summary>The raw bytes that a token stands for; empty for special tokens.</summary>
    public ReadOnlyMemory<byte> BytesOf(int token) => throw new NotImplementedException();

    /// <summary>Id of a vocabulary entry or added token by its exact content ("&lt;s&gt;"), or null.</summary>
    public int? IdOf(string token) => throw new NotImplementedException();

    /// <summary>Prompt text of a conversation by the folder's chat template.</summary>
    /// <exception cref="TokenizerException">The folder has no chat template.</exception>
    public string ApplyChatTemplate(IReadOnlyList<ChatMessage> messages) => throw new NotImplementedException();
}

/// <summary>One turn of a conversation.</summary>
public sealed record ChatMessage(string Role, string Content);

/// <summary>Turns a stream of token ids into text, one call per token. Not thread-safe: one per stream.</summary>
public sealed class TokenDecoder
{
    /// <summary>The text that became complete with this token; empty while a character is still split.</summary>
    public string Append(int token) => throw new NotImplementedException();

    /// <summary>Whatever is left at the end, invalid bytes as U+FFFD.</summary>
    public string Flush() => throw new NotImplementedException();
}

/// <summary>A tokenizer file that cannot be used.</summary>
public sealed class TokenizerException(string message) : Exception(message);
