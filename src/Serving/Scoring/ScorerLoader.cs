using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Serving.Models;

namespace Serving.Scoring;

/// <summary>Loads the scorers while the server starts, and tries again while it cannot: a scorer may be published later.</summary>
internal sealed partial class ScorerLoader(Scorecards scorecards, IOptions<ModelOptions> models, TimeProvider time, ILogger<ScorerLoader> logger)
    : BackgroundService
{
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var reported = "";
        while (!scorecards.Ready)
        {
            try
            {
                scorecards.Load();
                Log.Ready(logger, scorecards.Default.Scorecard, scorecards.Default.Digest);
            }
            catch (ScorerException e)
            {
                if (e.Message != reported)
                {
                    Log.CannotLoad(logger, e.Message, models.Value.PollInterval);
                    reported = e.Message;
                }

                await Task.Delay(models.Value.PollInterval, time, stoppingToken);
            }
        }
    }

    private static partial class Log
    {
        [LoggerMessage(4001, LogLevel.Information, "Scorecard {Scorecard} is ready ({Digest}).")]
        public static partial void Ready(ILogger logger, string scorecard, string digest);

        [LoggerMessage(4002, LogLevel.Error, "{Error} Trying again every {Interval}.")]
        public static partial void CannotLoad(ILogger logger, string error, TimeSpan interval);
    }
}
