using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace Serving.Experiments;

/// <summary>What is known of experiments, without what runs them.</summary>
public static class ExperimentRegistration
{
    /// <summary>Adds the section "Experiments", the log of exposures and that of pairs.</summary>
    public static IHostApplicationBuilder AddExperiments(this IHostApplicationBuilder builder)
    {
        builder.Services.AddOptionsWithValidateOnStart<ExperimentOptions, ExperimentOptionsValidator>().BindConfiguration(ExperimentOptions.Section);
        builder.Services.AddSingleton<ExposureLog>();
        builder.Services.AddHostedService(services => services.GetRequiredService<ExposureLog>());
        return builder;
    }
}
