using Serving.Experiments;
using Serving.Models;
using Serving.Testing;

namespace Serving.Tests.Experiments;

/// <summary>What a server leaves: a registry with decisions, and logs of pairs beside it.</summary>
internal sealed class ExperimentFolder : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public ExperimentFolder()
    {
        Directory.CreateDirectory(Path.Combine(Models, "student"));
        Decisions = new DecisionLog(new ModelStore(Models, TimeProvider.System), TimeProvider.System);
    }

    public string Models => _folder.File("models");

    public string Root => _folder.File("experiments");

    public DecisionLog Decisions { get; }

    public string Place(string name) => _folder.File(name);

    /// <summary>Runs a verb over this folder.</summary>
    public (int Code, string Output, string Error) Run(string verb, params string[] arguments) =>
        Ab.Run([verb, "--models", Models, "--experiments", Root, "--episodes", Place("episodes"), .. arguments]);

    /// <summary>Logs pairs until the gate has decided, and its decision as a server does.</summary>
    public GateState Compare(int version, IEnumerable<Pair> pairs, GateRules? rules = null)
    {
        using var log = new PairLog(Root);
        var gate = new PromotionGate(rules ?? new GateRules { Margin = 0.05, Guardrails = new GuardrailMargins(), MustBeCheaper = true });
        foreach (var pair in pairs)
        {
            var named = pair with { Candidate = pair.Candidate with { Arm = $"student@{version}" } };
            log.Append(named);
            gate.Add(named);
            if (gate.IsFinal)
            {
                break;
            }
        }

        var state = gate.State();
        var kind = state.Decision switch { GateDecision.Promote => DecisionKind.Promote, GateDecision.RollBack => DecisionKind.RollBack, _ => DecisionKind.Hold };
        Decisions.Append("student", new Decision(kind, version, "gate", string.Join(' ', state.Reasons))
        {
            Inputs = new System.Text.Json.Nodes.JsonObject { [GateFiles.Rules] = GateFiles.ToJson(gate.Rules), [GateFiles.State] = GateFiles.ToJson(state) },
        });
        return state;
    }

    public void Dispose() => _folder.Dispose();
}
