using Microsoft.Extensions.Options;
using Serving.Experiments;
using Serving.Inference;
using Serving.Models;

namespace Serving.Generation;

/// <summary>Which arm a request for "auto" gets, by what has been decided so far. Thread-safe.</summary>
public sealed class AutoArm(PolicyRegistry policies, IOptions<ExperimentOptions> options)
{
    private readonly ExperimentOptions _options = options.Value;

    /// <summary>
    /// After a promotion nearly every user gets the distilled policy, and a control group stays with Best-of-N; before it a candidate gets the share that the operator allows, by default
    /// none. Null = there is nothing to assign, and "auto" is Best-of-N.
    /// </summary>
    public Assignment? Assign(GenerationRequest request)
    {
        if (_options.Gate == GateMode.Off)
        {
            return null;
        }

        var isPromoted = policies.IsPromoted(PolicyRegistry.DistilledAlias);
        var share = isPromoted ? 1 - _options.ControlShare : _options.CandidateShare;
        var version = isPromoted ? CurrentId() : policies.Candidate(PolicyRegistry.DistilledAlias)?.Id ?? CurrentId();
        return share > 0 && version is not null ? Assignment.Of(KeyOf(request), version, share) : null;
    }

    /// <summary>Who asks; of somebody unnamed what he asks, so that a conversation that is sent again meets the same arm.</summary>
    private static string KeyOf(GenerationRequest request) => request.User is { Length: > 0 } user ? $"user:{user}" : request.Prompts[0] switch
    {
        ChatPrompt chat => "prompt:" + string.Join('\n', chat.Messages.Select(message => message.Content)),
        TextPrompt text => "prompt:" + text.Text,
        TokenPrompt tokens => "prompt:" + string.Join(' ', tokens.Tokens),
        _ => throw new ArgumentOutOfRangeException(nameof(request)),
    };

    private string? CurrentId()
    {
        using var lease = policies.Acquire(PolicyRegistry.DistilledAlias);
        return lease?.Value.Id;
    }
}
