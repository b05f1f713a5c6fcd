using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;

namespace Serving.Training;

/// <summary>Puts the supervisor of the trainer into a host.</summary>
public static class TrainingRegistration
{
    /// <summary>Needs the registry of policies and the episode log.</summary>
    public static IHostApplicationBuilder AddTraining(this IHostApplicationBuilder builder)
    {
        builder.Services.AddOptionsWithValidateOnStart<TrainingOptions, TrainingOptionsValidator>().BindConfiguration(TrainingOptions.Section);
        builder.Services.AddSingleton<TrainerArguments>();
        builder.Services.AddHostedService<TrainerSupervisor>();
        return builder;
    }
}
