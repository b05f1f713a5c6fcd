namespace Serving.Episodes;

/// <summary>Episodes cannot be stored now: the disk is full or broken, or another process writes to the folder. What was stored is safe.</summary>
public sealed class EpisodeLogException(string message, Exception? innerException = null) : IOException(message, innerException);
