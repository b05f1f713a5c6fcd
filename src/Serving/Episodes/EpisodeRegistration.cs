using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;

namespace Serving.Episodes;

/// <summary>Puts the episode log into a host.</summary>
public static class EpisodeRegistration
{
    /// <summary>One <see cref="EpisodeLog"/> and one <see cref="FeedbackLog"/>, opened when the host starts, so that a folder in use stops the start and not a request.</summary>
    public static IHostApplicationBuilder AddEpisodes(this IHostApplicationBuilder builder)
    {
        builder.Services.AddOptionsWithValidateOnStart<EpisodeOptions, EpisodeOptionsValidator>().BindConfiguration(EpisodeOptions.Section);
        builder.Services.AddSingleton<EpisodeLog>();
        builder.Services.AddSingleton<FeedbackLog>();
        builder.Services.AddSingleton<EpisodeLookup>();
        builder.Services.AddHostedService<EpisodeLogOpening>();
        return builder;
    }

    /// <summary>Being constructed is all it does: its parameters open the logs.</summary>
    private sealed class EpisodeLogOpening(EpisodeLog log, FeedbackLog feedback) : IHostedService
    {
        public EpisodeLog Log { get; } = log;

        public FeedbackLog Feedback { get; } = feedback;

        public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
