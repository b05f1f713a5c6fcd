namespace Serving.Tokenization;

/// <summary>The regular expressions that cut a text into words before byte pairs are merged.</summary>
internal static class WordPatterns
{
    /// <summary>GPT-2's, used by the ByteLevel pre-tokeniser when use_regex is true, and by our trainer.</summary>
    public const string Gpt2 = @"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";
}
