using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace Serving.Episodes;

/// <summary>
/// Appends feedback to a dataset of its own beside the episodes, as durably as those (<see cref="FrameLog"/>). Thread-safe. Owns the folder from construction to
/// disposal.
/// </summary>
public sealed class FeedbackLog : IAsyncDisposable
{
    private readonly FrameLog? _frames;

    /// <summary>A log for tools and tests, without log messages.</summary>
    public FeedbackLog(EpisodeOptions options)
        : this(Options.Create(options), NullLogger<FeedbackLog>.Instance)
    {
    }

    /// <exception cref="EpisodeLogException">Another process writes to this folder.</exception>
    /// <exception cref="InvalidDataException">The folder holds another dataset, or a shard is missing.</exception>
    public FeedbackLog(IOptions<EpisodeOptions> options, ILogger<FeedbackLog> logger)
    {
        var settings = options.Value;
        if (settings.Enabled)
        {
            _frames = new FrameLog(
                new DatasetFolder(settings.Root, DatasetForm.Feedback),
                settings.ShardBytes,
                new FrameLogCounts(EpisodeTelemetry.FeedbackWritten, EpisodeTelemetry.FeedbackFailed),
                logger,
                DiskCalls.Real);
        }
    }

    /// <summary>Completes when the feedback is durable.</summary>
    /// <exception cref="EpisodeLogException">It could not be written; a later append may succeed.</exception>
    /// <exception cref="ObjectDisposedException">The log is closed.</exception>
    public Task AppendAsync(FeedbackRecord feedback, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(feedback);
        return _frames?.AppendAsync(FeedbackCodec.Encode(feedback), cancellationToken) ?? Task.CompletedTask;
    }

    /// <summary>Writes what is queued and releases the folder.</summary>
    public ValueTask DisposeAsync() => _frames?.DisposeAsync() ?? ValueTask.CompletedTask;
}
