using Serving.Models;

namespace Serving.Experiments;

/// <summary>One decision about a name, with what the gate left in its inputs. Immutable.</summary>
/// <param name="Name">Of the model.</param>
/// <param name="Decision">As it was recorded.</param>
/// <param name="Rules">Null = it was not the gate's, or cannot be read.</param>
/// <param name="State">Null = it was not the gate's, or cannot be read.</param>
internal sealed record Decided(string Name, Decision Decision, GateRules? Rules, GateState? State)
{
    /// <summary>"name@version".</summary>
    public string Candidate => $"{Name}@{Decision.Version}";

    /// <summary>Reads the inputs; what is wrong with them is added to <paramref name="problems"/>.</summary>
    public static Decided Of(string name, Decision decision, ICollection<string> problems)
    {
        try
        {
            return new Decided(name, decision, GateFiles.ReadRules(decision.Inputs), GateFiles.ReadState(decision.Inputs));
        }
        catch (ExperimentException e)
        {
            problems.Add($"Decision {decision.Number} about {name}: {e.Message}");
            return new Decided(name, decision, null, null);
        }
    }
}
