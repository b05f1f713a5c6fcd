namespace Serving.Tokenization.Splitting;

/// <summary>A regular expression of a tokenizer file that .NET cannot be made to understand; the caller adds the file and the field.</summary>
internal sealed class RegexTranslationException(string message) : Exception(message);
