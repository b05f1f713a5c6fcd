using Microsoft.Extensions.Options;

namespace Serving.Observability;

/// <summary>Bound from the section "Observability" and checked once, at start-up.</summary>
public sealed class ObservabilityOptions
{
    public const string Section = "Observability";

    /// <summary>Whether anything is measured and GET /metrics exists. Off, an instrument costs one comparison.</summary>
    public bool Metrics { get; set; } = true;

    /// <summary>
    /// Where metrics and traces are sent as OTLP over HTTP, such as http://collector:4318; null = where the standard variable
    /// OTEL_EXPORTER_OTLP_ENDPOINT says, and nowhere without it. The other OTEL variables hold as well.
    /// </summary>
    public Uri? OtlpEndpoint { get; set; }
}

/// <summary>An address that is no address would only show as silence at the collector.</summary>
internal sealed class ObservabilityOptionsValidator : IValidateOptions<ObservabilityOptions>
{
    public ValidateOptionsResult Validate(string? name, ObservabilityOptions options) =>
        options.OtlpEndpoint is null or { IsAbsoluteUri: true, Scheme: "http" or "https" }
            ? ValidateOptionsResult.Success
            : ValidateOptionsResult.Fail(
                $"{ObservabilityOptions.Section}:{nameof(ObservabilityOptions.OtlpEndpoint)} is \"{options.OtlpEndpoint}\"; it must be like http://collector:4318.");
}
