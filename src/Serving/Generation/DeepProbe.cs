using Microsoft.Extensions.Options;
using Serving.Inference;
using Serving.Observability;

namespace Serving.Generation;

/// <summary>Whether policies really generate: samples a token from each, past all that only looks ready. Thread-safe.</summary>
public sealed class DeepProbe(PolicyRegistry policies, IOptions<GenerationOptions> options)
{
    private readonly TimeSpan _deadline = options.Value.Deadline;

    /// <summary>Returns when every policy has generated.</summary>
    /// <exception cref="ApiException">A policy is not loaded (503).</exception>
    public async Task GenerateAsync(CancellationToken cancellationToken)
    {
        if (!policies.Ready)
        {
            throw new ApiException(ApiError.NotReady(policies.LoadError ?? "The models are still being loaded; GET /readyz says what is missing."));
        }

        foreach (var name in policies.Current().Select(policy => policy.Folder.Manifest.Name))
        {
            using var lease = policies.Acquire(name) ?? throw new ApiException(ApiError.NotReady($"The policy \"{name}\" is not loaded."));
            var request = new SampleRequest(lease.Value.Tokenizer.EncodePrompt("a"), new SamplingParameters { MaxTokens = 1 }) { Deadline = _deadline };
            await lease.Value.Engine.SampleAsync(request, null, cancellationToken);
        }
    }
}
