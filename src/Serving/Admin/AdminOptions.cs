using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace Serving.Admin;

/// <summary>Bound from the section "Admin" and checked once, at start-up.</summary>
public sealed class AdminOptions : IValidatableObject
{
    public const string Section = "Admin";

    /// <summary>Where the admin routes listen, such as http://127.0.0.1:8081; null = they are not there. Never the address that requests come to.</summary>
    public string? Url { get; set; }

    /// <summary>Keys that operators must send as "Authorization: Bearer KEY"; at least one when <see cref="Url"/> is set.</summary>
    public IList<string> ApiKeys { get; } = [];

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (!string.IsNullOrEmpty(Url) && !ApiKeys.Any(key => key.Length > 0))
        {
            yield return new ValidationResult($"{Section}:{nameof(Url)} is set, but {Section}:{nameof(ApiKeys)} is empty: whoever reaches it could change what is served.");
        }

        if (!string.IsNullOrEmpty(Url) && !(Uri.TryCreate(Url, UriKind.Absolute, out var url) && url.Scheme is "http" or "https"))
        {
            yield return new ValidationResult($"{Section}:{nameof(Url)} is \"{Url}\", not an address such as http://127.0.0.1:8081.");
        }
    }
}

[OptionsValidator]
internal sealed partial class AdminOptionsValidator : IValidateOptions<AdminOptions>;
