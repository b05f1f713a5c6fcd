namespace Serving.EpisodeTools;

/// <summary>A folder that cannot be read or must not be changed now; the message says in one line what is wrong and what to do.</summary>
public sealed class EpisodeToolException(string message, Exception? innerException = null) : IOException(message, innerException);
