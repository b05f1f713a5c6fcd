namespace Serving.Testing;

/// <summary>A clock that stands still until it is set. Timers are the system's.</summary>
public sealed class SetTime(DateTimeOffset now) : TimeProvider
{
    public DateTimeOffset Now { get; set; } = now;

    public override DateTimeOffset GetUtcNow() => Now;
}
