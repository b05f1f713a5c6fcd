namespace Serving.Batch;

/// <summary>What a run reads, whatever its form: line after line, the same ones each time that it is opened. Not thread-safe.</summary>
internal abstract class InputLines : IDisposable
{
    /// <summary>How much has been read, in the unit of <see cref="Length"/>.</summary>
    public abstract long Position { get; }

    /// <summary>The whole.</summary>
    public abstract long Length { get; }

    /// <summary>The next line, or null at the end.</summary>
    /// <exception cref="BatchException">The input is damaged.</exception>
    public abstract Line? Read();

    public abstract void Dispose();
}
