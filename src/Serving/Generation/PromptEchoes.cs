using Microsoft.Extensions.Options;
using Serving.Inference;

namespace Serving.Generation;

/// <summary>Scores the prompts that answers are to begin with. Thread-safe.</summary>
public sealed class PromptEchoes(IOptions<GenerationOptions> options, TimeProvider time)
{
    private static readonly ContinuationLogProbs _nothing = new([], []);

    private readonly GenerationOptions _options = options.Value;

    /// <summary>One per prompt; none when the request does not ask for them.</summary>
    internal async Task<IReadOnlyList<EchoedPrompt>> OfAsync(GenerationJob job, CancellationToken cancellationToken)
    {
        if (!job.Request.Echo)
        {
            return [];
        }

        using var deadline = new Deadline(_options.Deadline, time, cancellationToken);
        try
        {
            return await Task.WhenAll(job.Prompts.Select(prompt => OfAsync(job, prompt, deadline)));
        }
        catch (Exception) when (deadline.Explain() is { } reason)
        {
            throw reason;
        }
    }

    private static async Task<EchoedPrompt> OfAsync(GenerationJob job, EncodedPrompt prompt, Deadline deadline)
    {
        try
        {
            return EchoedPrompt.Of(prompt, job.Request.LogProbs ? await ScoreAsync(job, prompt, deadline.Token) : null, job.Tokenizer);
        }
        catch (Exception exception) when (exception is not OperationCanceledException)
        {
            deadline.Fail(exception);
            throw;
        }
    }

    private static async Task<ContinuationLogProbs> ScoreAsync(GenerationJob job, EncodedPrompt prompt, CancellationToken cancellationToken) =>
        prompt.Tokens.Length == 1
            ? _nothing
            : await job.Policy.Engine.ScoreTokensAsync(prompt.Tokens[..1], prompt.Tokens[1..], job.Request.Sampling.TopLogProbs, cancellationToken);
}
