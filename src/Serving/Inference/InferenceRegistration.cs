using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Serving.Models;
using Serving.Onnx;

namespace Serving.Inference;

/// <summary>Registration of the policies and their engines; needs the model registry of <see cref="ModelEndpoints.AddModels"/>.</summary>
public static class InferenceRegistration
{
    public static IHostApplicationBuilder AddInference(this IHostApplicationBuilder builder)
    {
        builder.AddOnnx();
        builder.Services.AddOptionsWithValidateOnStart<InferenceOptions, InferenceOptionsValidator>().BindConfiguration(InferenceOptions.Section);
        builder.Services.AddSingleton<PolicyRegistry>();
        builder.Services.AddHostedService(services => services.GetRequiredService<PolicyRegistry>());
        builder.Services.AddHostedService<EngineTelemetry>();
        builder.Services.AddSingleton<ServedModels>(services => services.GetRequiredService<PolicyRegistry>().Served);
        return builder;
    }
}
