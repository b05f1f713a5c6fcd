namespace Serving.Tokenization;

/// <summary>A tokenizer file that cannot be used; the message names the file, the field and what is supported.</summary>
public sealed class TokenizerException(string message) : Exception(message);
