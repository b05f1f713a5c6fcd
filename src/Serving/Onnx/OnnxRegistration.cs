using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace Serving.Onnx;

/// <summary>Registration of the settings of ONNX sessions.</summary>
public static class OnnxRegistration
{
    public static IHostApplicationBuilder AddOnnx(this IHostApplicationBuilder builder)
    {
        builder.Services.AddOptionsWithValidateOnStart<OnnxOptions, OnnxOptionsValidator>().BindConfiguration(OnnxOptions.Section);
        return builder;
    }
}
