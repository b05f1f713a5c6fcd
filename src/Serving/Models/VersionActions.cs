using System.Text.Json.Nodes;
using Microsoft.Extensions.Options;

namespace Serving.Models;

/// <summary>
/// What an operator may decide about versions: checks that a decision makes sense now, and appends it. Stateless; servers follow by themselves.
/// Thread-safe.
/// </summary>
public sealed class VersionActions(ModelStore store, DecisionLog decisions, IOptions<ModelOptions> options)
{
    /// <summary>Who decides here.</summary>
    public const string Operator = "operator";

    /// <summary>The kinds of decision that an operator may make, by what they are called on the command line and in URLs.</summary>
    public static IReadOnlyDictionary<string, DecisionKind> Kinds { get; } =
        new[] { DecisionKind.Pin, DecisionKind.Unpin, DecisionKind.Promote, DecisionKind.RollBack, DecisionKind.Retire }
            .ToDictionary(DecisionJson.Word, StringComparer.Ordinal);

    /// <summary>The version that a name means by decisions and folders, whether it works or not; null when it has no version.</summary>
    public int? CurrentOf(string name) => CurrentOf(name, decisions.Read(name).Deployment);

    /// <summary>Appends a decision.</summary>
    /// <param name="name">Model name.</param>
    /// <param name="kind">One of <see cref="Kinds"/>.</param>
    /// <param name="version">Which version; may be left out to unpin, and to roll back what the name means.</param>
    /// <param name="reason">Why; null = none given.</param>
    /// <param name="inputs">What else is to be kept with it.</param>
    /// <exception cref="ModelException">It makes no sense, and the message says what to do instead; or it cannot be written.</exception>
    public Decision Decide(string name, DecisionKind kind, int? version, string? reason, JsonObject? inputs = null)
    {
        if (store.Versions(name).Count == 0)
        {
            throw store.Missing(name);
        }

        return decisions.Append(name, history =>
        {
            var deployment = history.Deployment;
            var current = CurrentOf(name, deployment);
            var subject = kind switch
            {
                DecisionKind.Unpin => ToUnpin(name, deployment),
                DecisionKind.Pin => ToPin(name, deployment, Existing(name, version)),
                DecisionKind.Promote => ToPromote(name, deployment, Existing(name, version)),
                DecisionKind.RollBack => ToRollBack(name, deployment, current, version),
                DecisionKind.Retire => ToRetire(name, deployment, current, Existing(name, version)),
                _ => throw new ArgumentOutOfRangeException(nameof(kind)),
            };
            return new Decision(kind, subject, Operator, string.IsNullOrWhiteSpace(reason) ? "no reason given" : reason.Trim()) { From = current, Inputs = inputs };
        });
    }

    private int? CurrentOf(string name, Deployment deployment)
    {
        var choice = new VersionChoice(deployment, [.. store.Versions(name).Select(version => version.Number)], null, options.Value.IsGated(name));
        return choice.Current().Cast<int?>().FirstOrDefault();
    }

    private static int ToUnpin(string name, Deployment deployment) =>
        deployment.Pinned ?? throw new ModelException($"\"{name}\" is not pinned, so there is nothing to take off; \"models show {name}\" tells what it means.");

    private static int ToPin(string name, Deployment deployment, int version)
    {
        RefuseRetired(name, deployment, version);
        return deployment.Pinned == version ? throw new ModelException($"\"{name}\" is pinned to {name}@{version} already.") : version;
    }

    private int ToPromote(string name, Deployment deployment, int version)
    {
        RefuseRetired(name, deployment, version);
        if (!options.Value.IsGated(name))
        {
            throw new ModelException($"\"{name}\" has no gate: it means its newest version that works. Pin a version to choose another, or roll one back.");
        }

        return deployment.Promoted == version ? throw new ModelException($"{name}@{version} is promoted already.") : version;
    }

    private int ToRollBack(string name, Deployment deployment, int? current, int? version)
    {
        if (deployment.Pinned is { } pinned && version is null)
        {
            throw new ModelException($"\"{name}\" is pinned to {name}@{pinned}, so a roll-back would change nothing: unpin it first, or pin another version.");
        }

        var subject = version is null ? current!.Value : Existing(name, version);
        if (!deployment.Allows(subject))
        {
            throw new ModelException($"{name}@{subject} was rolled back, held or retired already.");
        }

        if (subject == current && !store.Versions(name).Any(other => other.Number != subject && deployment.Allows(other.Number)))
        {
            throw new ModelException($"{name}@{subject} is the only version to use, so there is nothing to go back to: publish another, or pin one that was put aside.");
        }

        return options.Value.IsGated(name) && subject == current && deployment.Previous is null
            ? throw new ModelException($"{name}@{subject} was never promoted, so there is nothing to go back to: promote or pin another version.")
            : subject;
    }

    private static int ToRetire(string name, Deployment deployment, int? current, int version)
    {
        RefuseRetired(name, deployment, version);
        return version == current || version == deployment.Decided
            ? throw new ModelException($"{name}@{version} is in use: roll it back, promote or pin another version first.")
            : version;
    }

    private static void RefuseRetired(string name, Deployment deployment, int version)
    {
        if (deployment.Retired.Contains(version))
        {
            throw new ModelException($"{name}@{version} was retired: publish it again as a new version.");
        }
    }

    private int Existing(string name, int? version)
    {
        if (version is not { } number)
        {
            throw new ModelException($"Name the version of \"{name}\" that is meant, as in {name}@{store.Latest(name)!.Manifest.Version}.");
        }

        return store.Find($"{name}@{ModelId.Text(number)}").Number;
    }
}
