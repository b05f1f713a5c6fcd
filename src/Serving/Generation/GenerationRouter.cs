using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Options;
using Serving.Experiments;
using Serving.Inference;
using Serving.Models;
using Serving.Observability;
using Serving.Requests;
using Serving.Tokenization;

namespace Serving.Generation;

/// <summary>
/// Decides which policy answers a request and in which way, and binds the request to the version that is current now. Thread-safe.
/// </summary>
public sealed class GenerationRouter(
    PolicyRegistry policies,
    AutoArm arms,
    SeedSource seeds,
    IOptions<GenerationOptions> options)
{
    private readonly GenerationOptions _options = options.Value;

    /// <summary>Leases the policy and encodes the prompt. The caller disposes the job.</summary>
    /// <exception cref="ApiException">Unknown model (404), not loaded yet (503), or a prompt that the policy cannot take (400).</exception>
    public GenerationJob Begin(GenerationRequest request, RequestStamp stamp, RequestOrigin origin)
    {
        // An explicit best_of_n asks for Best-of-N, whatever "auto" would be.
        if (request is { Model: PolicyRegistry.AutoAlias, BestOfN: null } && arms.Assign(request) is { } assignment)
        {
            return assignment.Arm == Arm.Distilled && policies.Acquire(assignment.Experiment) is { } distilled
                ? Begin(distilled, request, stamp, origin, assignment, isBestOfN: false)
                : Begin(Acquire(PolicyRegistry.AnchorAlias), request, stamp, origin, assignment with { Arm = Arm.BestOfN }, isBestOfN: true);
        }

        return Begin(Acquire(request.Model), request, stamp, origin, null, request.Model is PolicyRegistry.AnchorAlias or PolicyRegistry.AutoAlias);
    }

    /// <summary>The same with a version that the caller has chosen, whatever the request's model says: the best of N when it asks for that, else plain samples.</summary>
    /// <param name="policy">Belongs to the job from now on, and is given back when this fails.</param>
    /// <param name="request">What to answer.</param>
    /// <param name="stamp">Its time, id and seed.</param>
    /// <param name="origin">Where it comes from.</param>
    /// <exception cref="ApiException">A prompt that the policy cannot take (400).</exception>
    public GenerationJob Begin(Lease<LoadedPolicy> policy, GenerationRequest request, RequestStamp stamp, RequestOrigin origin) =>
        Begin(policy, request, stamp, origin, null, isBestOfN: false);

    /// <summary>The version behind a name now; the caller disposes the lease.</summary>
    /// <exception cref="ApiException">Unknown model (404), or not loaded yet (503).</exception>
    public Lease<LoadedPolicy> Acquire(string model) => policies.Acquire(model) ?? throw Unknown(model);

    private GenerationJob Begin(
        Lease<LoadedPolicy> lease, GenerationRequest request, RequestStamp stamp, RequestOrigin origin, Assignment? assignment, bool isBestOfN)
    {
        try
        {
            isBestOfN |= request.BestOfN is not null;
            var candidates = request.BestOfN?.N ?? (isBestOfN ? Math.Max(_options.Candidates, request.Answers) : null);
            if (candidates is not null && request.Prompts.Count > 1)
            {
                throw RequestFields.Unsupported("prompt", "holds several prompts, which Best-of-N does not support yet: send one request for each.");
            }

            EncodedPrompt[] prompts = [.. request.Prompts.Select((p, i) => Encode(p, PathOf(request, i), lease.Value, request.Seed ?? stamp.SeedOf(i) ?? seeds.Next()))];
            RefuseOverBudget(request, candidates ?? request.Answers, prompts[0], lease.Value);
            var prefix = request.Kind == AnswerKind.Chat ? "chatcmpl-" : "cmpl-";
            return new GenerationJob(lease, request, prompts)
            {
                Id = $"{prefix}{stamp.Id:N}",
                Created = stamp.Created,
                Origin = origin,
                Candidates = candidates,
                Assignment = assignment,
            };
        }
        catch
        {
            lease.Dispose();
            throw;
        }
    }

    /// <summary>What could cost too much is refused before it costs anything.</summary>
    private static void RefuseOverBudget(GenerationRequest request, int candidates, EncodedPrompt prompt, LoadedPolicy policy)
    {
        var longest = Math.Min(request.Sampling.MaxTokens, policy.Engine.ContextLength - prompt.Tokens.Length);
        if (request.BestOfN?.BudgetTokens is { } budget && (long)candidates * longest > budget)
        {
            throw new ApiException(ApiError.BadRequest(
                $"{candidates} candidates of up to {longest} tokens may come to {(long)candidates * longest}, more than \"best_of_n.budget_tokens\" ({budget}). "
                + "Ask for fewer candidates or a smaller max_tokens.",
                "best_of_n.budget_tokens",
                "budget_exceeded"));
        }
    }

    private static string PathOf(GenerationRequest request, int prompt) =>
        request.Prompts.Count == 1 ? request.Prompts[0].Field : $"{request.Prompts[prompt].Field}[{prompt}]";

    private static EncodedPrompt Encode(RequestPrompt prompt, string path, LoadedPolicy policy, ulong seed)
    {
        var tokenizer = policy.Tokenizer;
        var encoded = prompt switch
        {
            ChatPrompt chat => Chat(chat, tokenizer, seed),
            TextPrompt text => Plain(text.Text, tokenizer.EncodePrompt(text.Text), tokenizer, seed),
            TokenPrompt tokens => Plain(null, tokens.Tokens, tokenizer, seed),
            _ => throw new ArgumentOutOfRangeException(nameof(prompt)),
        };
        var limit = policy.Engine.ContextLength;
        var unknown = Array.FindIndex(encoded.Tokens, token => token >= policy.Config.VocabularySize);
        if (unknown >= 0)
        {
            throw new ApiException(ApiError.BadRequest(
                $"\"{path}[{unknown}]\" is {encoded.Tokens[unknown]}, but ids of {policy.Id} end at {policy.Config.VocabularySize - 1}.",
                $"{path}[{unknown}]"));
        }

        return encoded.Tokens.Length == 0
            ? throw new ApiException(ApiError.BadRequest($"\"{path}\" is empty: send at least one token.", path))
            : encoded.Tokens.Length >= limit
            ? throw new ApiException(ApiError.BadRequest(
                $"\"{path}\" has {encoded.Tokens.Length} tokens, but {policy.Id} has room for {limit}, the answer included. Shorten it.",
                path,
                "context_length_exceeded"))
            : encoded;
    }

    private static EncodedPrompt Chat(ChatPrompt prompt, TextTokenizer tokenizer, ulong seed)
    {
        try
        {
            var text = tokenizer.ApplyChatTemplate(prompt.Messages);
            return new EncodedPrompt(prompt.Messages.Last(m => m.Role == "user").Content, text, tokenizer.Encode(text), seed);
        }
        catch (TokenizerException exception)
        {
            throw new ApiException(ApiError.BadRequest($"The model cannot take this conversation: {exception.Message}", prompt.Field));
        }
    }

    // The same ids must be judged alike however they were sent, so the source comes from the ids.
    private static EncodedPrompt Plain(string? text, int[] tokens, TextTokenizer tokenizer, ulong seed)
    {
        var source = tokenizer.Decode(tokens);
        return new EncodedPrompt(source, text ?? source, tokens, seed);
    }

    private ApiException Unknown(string model)
    {
        if (!policies.Ready)
        {
            return new ApiException(ApiError.NotReady("The models are still being loaded; GET /readyz says what is missing."));
        }

        return new ApiException(new ApiError(
            StatusCodes.Status404NotFound,
            ApiError.InvalidRequest,
            "model_not_found",
            $"There is no model \"{model}\"; there are: {string.Join(", ", policies.Served().Select(served => served.Id))}.",
            "model"));
    }
}
