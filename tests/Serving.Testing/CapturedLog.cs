using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace Serving.Testing;

/// <summary>Keeps what a host logs at warning or above. Thread-safe.</summary>
public sealed class CapturedLog : ILoggerProvider
{
    private readonly ConcurrentQueue<string> _lines = new();

    /// <summary>"Level category: message exception", in order.</summary>
    public IReadOnlyCollection<string> Lines => _lines;

    /// <summary>The lines of level error and above.</summary>
    public IEnumerable<string> Errors => _lines.Where(line => !line.StartsWith(nameof(LogLevel.Warning), StringComparison.Ordinal));

    public ILogger CreateLogger(string categoryName) => new Writer(categoryName, _lines);

    public void Dispose()
    {
    }

    private sealed class Writer(string category, ConcurrentQueue<string> lines) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Warning;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (IsEnabled(logLevel))
            {
                lines.Enqueue($"{logLevel} {category}: {formatter(state, exception)} {exception}");
            }
        }
    }
}
