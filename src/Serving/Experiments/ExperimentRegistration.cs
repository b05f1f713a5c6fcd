using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using Serving.Episodes;
using Serving.Models;

namespace Serving.Experiments;

/// <summary>What is known of experiments, without what runs them.</summary>
public static class ExperimentRegistration
{
    /// <summary>Adds the section "Experiments", the log of exposures and the reports; needs the rooms Models and Episodes.</summary>
    public static IHostApplicationBuilder AddExperiments(this IHostApplicationBuilder builder)
    {
        builder.Services.AddOptionsWithValidateOnStart<ExperimentOptions, ExperimentOptionsValidator>().BindConfiguration(ExperimentOptions.Section);
        builder.Services.TryAddSingleton(TimeProvider.System);
        builder.Services.TryAddSingleton<DecisionLog>();
        builder.Services.AddSingleton(services => new ExperimentReports(
            services.GetRequiredService<DecisionLog>(),
            services.GetRequiredService<IOptions<ExperimentOptions>>().Value,
            services.GetRequiredService<IOptions<ModelOptions>>().Value.Distilled,
            services.GetRequiredService<IOptions<EpisodeOptions>>().Value.Root));
        builder.Services.AddSingleton<ExposureLog>();
        builder.Services.AddHostedService(services => services.GetRequiredService<ExposureLog>());
        return builder;
    }
}
