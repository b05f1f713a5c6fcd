namespace Serving.Tokenization.Normalization;

/// <summary>One step of a normaliser: whole text in, whole text out. Pure and thread-safe.</summary>
internal delegate string TextRule(string text);
