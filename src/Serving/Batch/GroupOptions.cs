using System.CommandLine;

namespace Serving.Batch;

/// <summary>The options of preference pairs.</summary>
internal sealed class GroupOptions
{
    private readonly Option<int?> _candidates = new("--n") { Description = "Candidates of each prompt: writes preference pairs (TRL), the best by the scorecard against the worst." };
    private readonly Option<string> _policy = new("--policy") { Description = "With --n: policy that answers.", DefaultValueFactory = _ => "anchor" };
    private readonly Option<ulong> _seed = new("--seed") { Description = "With --n: seed of all draws.", DefaultValueFactory = _ => 0 };
    private readonly Option<float> _temperature = new("--temperature") { Description = "With --n: as in a request.", DefaultValueFactory = _ => 1 };
    private readonly Option<float> _topP = new("--top-p") { Description = "With --n: as in a request.", DefaultValueFactory = _ => 1 };
    private readonly Option<int?> _maxTokens = new("--max-tokens") { Description = "With --n: longest answer [default: Generation:MaxTokens]." };

    public void AddTo(Command command)
    {
        foreach (var option in (Option[])[_candidates, _policy, _seed, _temperature, _topP, _maxTokens])
        {
            command.Options.Add(option);
        }
    }

    /// <summary>Null without --n.</summary>
    public GroupSettings? Of(ParseResult parsed) => parsed.GetValue(_candidates) is not { } candidates ? null : new GroupSettings(
        candidates,
        parsed.GetRequiredValue(_policy),
        parsed.GetValue(_seed),
        parsed.GetValue(_temperature),
        parsed.GetValue(_topP),
        parsed.GetValue(_maxTokens));
}
