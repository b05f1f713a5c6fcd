using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;

namespace Serving.Episodes;

/// <summary>Puts the episode log into a host.</summary>
public static class EpisodeRegistration
{
    /// <summary>One <see cref="EpisodeLog"/>, opened when the host starts, so that a folder in use stops the start and not a request.</summary>
    public static IHostApplicationBuilder AddEpisodes(this IHostApplicationBuilder builder)
    {
        builder.Services.AddOptionsWithValidateOnStart<EpisodeOptions, EpisodeOptionsValidator>().BindConfiguration(EpisodeOptions.Section);
        builder.Services.AddSingleton<EpisodeLog>();
        builder.Services.AddHostedService<EpisodeLogOpening>();
        return builder;
    }

    /// <summary>Being constructed is all it does: its parameter opens the log.</summary>
    private sealed class EpisodeLogOpening(EpisodeLog log) : IHostedService
    {
        public EpisodeLog Log { get; } = log;

        public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
