using System.Collections.ObjectModel;
using Serving.Inference;
using Serving.Tokenization;

namespace Serving.Generation;

/// <summary>The route that a request came by, which decides the shape of its answer.</summary>
public enum AnswerKind
{
    /// <summary>/v1/chat/completions.</summary>
    Chat,

    /// <summary>/v1/completions.</summary>
    Text,
}

/// <summary>A request whose every field has been checked as far as that goes without a model. Immutable.</summary>
public sealed record GenerationRequest
{
    public required AnswerKind Kind { get; init; }

    /// <summary>Alias, name or name@version.</summary>
    public required string Model { get; init; }

    /// <summary>At least one; a conversation is always alone.</summary>
    public required IReadOnlyList<RequestPrompt> Prompts { get; init; }

    /// <summary>How many answers each prompt gets ("n"): independent samples, or the best n of a Best-of-N group.</summary>
    public int Answers { get; init; } = 1;

    /// <summary>Null = not asked for in the request; the model alias may still mean Best-of-N.</summary>
    public BestOfNRequest? BestOfN { get; init; }

    /// <summary>Everything but the seed. No tokens at all (0) may be asked for with <see cref="Echo"/>: the prompt alone comes back.</summary>
    public required SamplingParameters Sampling { get; init; }

    /// <summary>"text", "json_object" or "json_schema".</summary>
    public string ResponseFormat { get; init; } = "text";

    /// <summary>Null = the server picks one.</summary>
    public ulong? Seed { get; init; }

    /// <summary>The client's own labels, kept with the episode.</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; init; } = ReadOnlyDictionary<string, string>.Empty;

    /// <summary>Who asks, in the caller's words ("user"), so that "auto" gives one user one arm; null = not said.</summary>
    public string? User { get; init; }

    /// <summary>False = never written down.</summary>
    public bool Store { get; init; } = true;

    public bool LogProbs { get; init; }

    /// <summary>Answers begin with the prompt.</summary>
    public bool Echo { get; init; }

    public bool Stream { get; init; }

    public bool IncludeUsage { get; init; }

    /// <summary>Names of top-level fields that had no part in this: unknown ones, or such as matter only beside others.</summary>
    public IReadOnlyList<string> Ignored { get; init; } = [];
}

/// <summary>What Best-of-N returns beside the best answer and all scores.</summary>
public enum CandidateReturn
{
    /// <summary>No candidates.</summary>
    Best,

    /// <summary>Every candidate, best first.</summary>
    Ranked,

    /// <summary>Every candidate, in order of index.</summary>
    All,
}

/// <summary>The request's best_of_n object. N = null: as configured.</summary>
public sealed record BestOfNRequest(int? N, CandidateReturn Return)
{
    /// <summary>Scorecard to rank by; null = the one in use.</summary>
    public string? Scorecard { get; init; }

    /// <summary>Most tokens that all candidates together may come to; a request that could need more is refused before it begins.</summary>
    public int? BudgetTokens { get; init; }

    /// <summary>Null = every candidate is drawn.</summary>
    public EarlyStopRequest? EarlyStop { get; init; }
}

/// <summary>Asks for fewer candidates where one is good enough already. At = the total to stop at; null = learnt from recent groups.</summary>
public sealed record EarlyStopRequest(double? At);

/// <summary>What to answer, in one of the three forms that the routes take.</summary>
public abstract record RequestPrompt
{
    /// <summary>Request field that holds it.</summary>
    public abstract string Field { get; }
}

/// <summary>A conversation, to be rendered by the policy's chat template.</summary>
public sealed record ChatPrompt(IReadOnlyList<ChatMessage> Messages) : RequestPrompt
{
    public override string Field => "messages";
}

/// <summary>Text that is encoded as it is; special tokens written in it count as such.</summary>
public sealed record TextPrompt(string Text) : RequestPrompt
{
    public override string Field => "prompt";
}

/// <summary>Token ids.</summary>
public sealed record TokenPrompt(int[] Tokens) : RequestPrompt
{
    public override string Field => "prompt";
}
