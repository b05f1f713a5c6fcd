namespace Serving.Batch;

/// <summary>A run that cannot start or go on. The message says what to do.</summary>
public sealed class BatchException(string message) : Exception(message);
