using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using Serving.Experiments;
using Serving.Models;

namespace Serving.Comparison;

/// <summary>The comparison of arms beside the server.</summary>
public static class ComparisonRegistration
{
    /// <summary>Adds what compares; needs the rooms Models, Inference, Scoring, Generation and Experiments.</summary>
    public static IHostApplicationBuilder AddComparison(this IHostApplicationBuilder builder)
    {
        builder.Services.TryAddSingleton(TimeProvider.System);
        builder.Services.AddOptions<ModelOptions>().PostConfigure<IOptions<ExperimentOptions>>(
            (models, experiments) => models.Gated = experiments.Value.Gate != GateMode.Off);
        builder.Services.AddSingleton(services => new PairLog(services.GetRequiredService<IOptions<ExperimentOptions>>().Value.Root));
        builder.Services.AddSingleton<ArmGenerator>();
        builder.Services.AddSingleton<Gatekeeper>();
        builder.Services.AddHostedService<ShadowRunner>();
        return builder;
    }
}
