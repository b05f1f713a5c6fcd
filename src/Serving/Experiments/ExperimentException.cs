namespace Serving.Experiments;

/// <summary>An experiment's files or figures cannot be used; the message says which, and what to do.</summary>
public sealed class ExperimentException(string message, Exception? inner = null) : IOException(message, inner);
