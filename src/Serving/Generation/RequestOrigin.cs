namespace Serving.Generation;

/// <summary>Where a request comes from, as far as its episode tells. Immutable.</summary>
/// <param name="TraceId">32 hex digits, or empty.</param>
/// <param name="Digest">By what it is known should it come again; or empty.</param>
/// <param name="IsLogged">It came before and left an episode, though its answer is not remembered: it is answered, and not logged again.</param>
public sealed record RequestOrigin(string TraceId, string Digest, bool IsLogged)
{
    /// <summary>A line of a file of requests.</summary>
    public static RequestOrigin File { get; } = new("", "", IsLogged: false);
}
