using Serving.Experiments;
using Serving.Inference;
using Serving.Models;
using Serving.Tokenization;

namespace Serving.Generation;

/// <summary>A prompt in the words of one policy.</summary>
/// <param name="Source">What scorers compare answers with: the last user message, or the prompt's text without special tokens.</param>
/// <param name="Text">The templated prompt.</param>
/// <param name="Tokens">What is prefilled.</param>
/// <param name="Seed">Of its draws.</param>
public sealed record EncodedPrompt(string Source, string Text, int[] Tokens, ulong Seed);

/// <summary>
/// One request bound to one policy version until it is disposed: whatever is swapped meanwhile, sampling, scoring and the log speak of this
/// version.
/// </summary>
public sealed class GenerationJob(Lease<LoadedPolicy> lease, GenerationRequest request, IReadOnlyList<EncodedPrompt> prompts) : IDisposable
{
    /// <summary>The answer's id, which is the episode's id too.</summary>
    public required string Id { get; init; }

    public required DateTimeOffset Created { get; init; }

    public required RequestOrigin Origin { get; init; }

    /// <summary>N of Best-of-N; null = plain samples.</summary>
    public required int? Candidates { get; init; }

    /// <summary>Which arm "auto" stands for here; null when the request did not say "auto".</summary>
    public Assignment? Assignment { get; init; }

    public GenerationRequest Request => request;

    /// <summary>Choices come in this order: all answers of the first prompt, then those of the next.</summary>
    public IReadOnlyList<EncodedPrompt> Prompts => prompts;

    /// <summary>Choices of the whole request.</summary>
    public int Choices => prompts.Count * request.Answers;

    public LoadedPolicy Policy => lease.Value;

    /// <summary>Survives the lease: it is plain managed data.</summary>
    public TextTokenizer Tokenizer { get; } = lease.Value.Tokenizer;

    public string PolicyId { get; } = lease.Value.Id;

    public string PolicyDigest { get; } = lease.Value.Digest;

    /// <summary>How answers of a prompt are drawn: the request's sampling with the prompt's seed.</summary>
    public SamplingParameters SamplingOf(EncodedPrompt prompt) => request.Sampling with { Seed = prompt.Seed };

    public void Dispose() => lease.Dispose();
}
