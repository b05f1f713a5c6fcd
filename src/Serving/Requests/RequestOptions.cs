using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace Serving.Requests;

/// <summary>Bound from the section "Requests" and checked once, at start-up.</summary>
public sealed class RequestOptions
{
    public const string Section = "Requests";

    /// <summary>Largest request body in bytes; beyond it the answer is 413.</summary>
    [Range(1024, 1 << 30)]
    public int MaxBodyBytes { get; set; } = 1 << 20;

    /// <summary>Deepest nesting of a request body; the API itself needs six levels.</summary>
    [Range(8, 1000)]
    public int MaxJsonDepth { get; set; } = 32;

    /// <summary>How long the answer to a request that may be sent again (it has a key or counts its retries) is kept for that.</summary>
    [Range(typeof(TimeSpan), "00:00:00", "1.00:00:00")]
    public TimeSpan RememberAnswersFor { get; set; } = TimeSpan.FromMinutes(10);

    /// <summary>Memory for such answers in bytes; the oldest are forgotten first.</summary>
    [Range(0, 1L << 40)]
    public long RememberedBytes { get; set; } = 32 << 20;

    /// <summary>
    /// Keys that callers must send as "Authorization: Bearer KEY"; empty = no key is asked for. The probes (/livez, /readyz, /health) stay open.
    /// </summary>
    public IList<string> ApiKeys { get; } = [];
}

[OptionsValidator]
internal sealed partial class RequestOptionsValidator : IValidateOptions<RequestOptions>;
