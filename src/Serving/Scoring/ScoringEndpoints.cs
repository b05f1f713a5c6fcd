using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using Serving.Models;
using Serving.Onnx;

namespace Serving.Scoring;

/// <summary>Registration of the scorers.</summary>
public static class ScoringEndpoints
{
    /// <summary>Adds <see cref="CandidateScorer"/> and what loads it; needs a <see cref="ModelStore"/>.</summary>
    public static IHostApplicationBuilder AddScoring(this IHostApplicationBuilder builder)
    {
        builder.Services.AddOptionsWithValidateOnStart<ScoringOptions, ScoringOptionsValidator>().BindConfiguration(ScoringOptions.Section);
        builder.Services.AddSingleton<IValidateOptions<ScoringOptions>, ScorecardsValidator>();
        builder.Services.AddOptions<OnnxOptions>().BindConfiguration(OnnxOptions.Section);
        builder.Services.TryAddSingleton(TimeProvider.System);
        builder.Services.AddSingleton(services => new CandidateScorer(
            services.GetRequiredService<IOptions<ScoringOptions>>(),
            services.GetRequiredService<IOptions<OnnxOptions>>(),
            services.GetRequiredService<ModelStore>()));
        builder.Services.AddHostedService<ScorerLoader>();
        return builder;
    }
}
