using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Options;
using Serving.Observability;

namespace Serving.Requests;

/// <summary>
/// Asks for a key on every route but the probes, where keys are configured: inference, scoring, metrics and documentation alike. Stateless middleware.
/// </summary>
internal sealed class ApiKeys(RequestDelegate next, IOptions<RequestOptions> options)
{
    private const string Scheme = "Bearer ";

    private static readonly string[] _open = ["/livez", "/readyz", "/health"];

    // Hashes have one length, so comparing them tells nothing about a key's length either.
    private readonly byte[][] _keys = [.. options.Value.ApiKeys.Select(Hash)];

    public Task InvokeAsync(HttpContext context) =>
        _keys.Length == 0 || _open.Contains(context.Request.Path.Value, StringComparer.OrdinalIgnoreCase) || Knows(context.Request.Headers.Authorization.ToString())
            ? next(context)
            : throw new ApiException(new ApiError(
                StatusCodes.Status401Unauthorized,
                ApiError.InvalidRequest,
                "invalid_api_key",
                "This server asks for a key: send it in the header Authorization: Bearer KEY."));

    private bool Knows(string authorization)
    {
        if (!authorization.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase))
        {
            return false;
        }

        var given = Hash(authorization[Scheme.Length..].Trim());
        var known = false;
        foreach (var key in _keys)
        {
            known |= CryptographicOperations.FixedTimeEquals(given, key);
        }

        return known;
    }

    private static byte[] Hash(string key) => SHA256.HashData(Encoding.UTF8.GetBytes(key));
}
