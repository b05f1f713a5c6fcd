using System.CommandLine;
using System.Globalization;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Spectre.Console;

namespace Serving.Models;

/// <summary>
/// The verbs "models ...": looks at a registry folder and decides which versions its servers use. A running server follows within Models:PollInterval.
/// Exit codes: 0 = done, 1 = not, and the reason was told.
/// </summary>
public static class ModelsCommand
{
    private const int Refused = 1;

    private static readonly (string Verb, string Description)[] _actions =
    [
        ("pin", "The name means this version, whatever is published or decided, until it is unpinned."),
        ("unpin", "Takes the pin off."),
        ("promote", "The name means this version without waiting for the gate; the gate goes on watching it."),
        ("roll-back", "The name means the version before again; this one is put aside. Without a version: the one in use."),
        ("retire", "The version is never used again, so that its folder may be deleted."),
    ];

    /// <param name="configure">Registers further rooms that set options of this one; null = none.</param>
    public static Command Create(Action<IHostApplicationBuilder>? configure = null)
    {
        var models = new Option<string?>("--models") { Description = "Registry root [default: Models:Root of the configuration].", Recursive = true };
        var command = new Command("models", "Versions of models: which there are, which are used, and why.") { models };

        var list = new Command("list", "Every model with what its name means now.");
        list.SetAction(parsed => Run(parsed.GetValue(models), configure, services => List(services)));
        command.Subcommands.Add(list);

        var name = new Argument<string>("name") { Description = "Model name." };
        var show = new Command("show", "The versions of one model and every decision about them.") { name };
        show.SetAction(parsed => Run(parsed.GetValue(models), configure, services => Show(services, parsed.GetRequiredValue(name))));
        command.Subcommands.Add(show);

        foreach (var (verb, description) in _actions)
        {
            var version = new Argument<string>("model") { Description = "name@version; or just the name to unpin, or to roll back what it means." };
            var reason = new Option<string?>("--reason") { Description = "Kept with the decision." };
            var action = new Command(verb, description) { version, reason };
            action.SetAction(parsed => Run(
                parsed.GetValue(models), configure, services => Decide(services, verb, parsed.GetRequiredValue(version), parsed.GetValue(reason))));
            command.Subcommands.Add(action);
        }

        return command;
    }

    private static void List(IServiceProvider services)
    {
        var (store, actions) = (services.GetRequiredService<ModelStore>(), services.GetRequiredService<VersionActions>());
        var options = services.GetRequiredService<IOptions<ModelOptions>>().Value;
        var table = new Table().Border(TableBorder.Simple).AddColumns("model", "kind", "versions", "means", "gate", "decisions");
        foreach (var name in store.Names())
        {
            var history = services.GetRequiredService<DecisionLog>().Read(name);
            var versions = store.Versions(name);
            var current = actions.CurrentOf(name);
            var status = VersionStatus.Of(versions, history.Deployment, current, options.IsGated(name)).FirstOrDefault(version => version.Folder.Number == current);
            table.AddRow(
                Markup.Escape(name),
                versions[^1].Manifest.Kind.ToString().ToLowerInvariant(),
                versions.Count.ToString(CultureInfo.InvariantCulture),
                status is null ? "" : $"{Markup.Escape(status.Folder.Id)} {string.Join(", ", status.Words.Where(word => word != "current"))}".TrimEnd(),
                options.IsGated(name) ? "yes" : "no",
                history.Decisions.Count.ToString(CultureInfo.InvariantCulture) + (history.Rejected.Count > 0 ? $", {history.Rejected.Count} damaged" : ""));
        }

        Write(table);
    }

    private static void Show(IServiceProvider services, string name)
    {
        var store = services.GetRequiredService<ModelStore>();
        var versions = store.Versions(name);
        if (versions.Count == 0)
        {
            throw store.Missing(name);
        }

        var history = services.GetRequiredService<DecisionLog>().Read(name);
        var gated = services.GetRequiredService<IOptions<ModelOptions>>().Value.IsGated(name);
        var current = services.GetRequiredService<VersionActions>().CurrentOf(name);
        var table = new Table().Border(TableBorder.Simple).AddColumns("version", "what it is", "created", "parent", "digest");
        foreach (var version in VersionStatus.Of(versions, history.Deployment, current, gated))
        {
            var manifest = version.Folder.Manifest;
            table.AddRow(
                Markup.Escape(version.Folder.Id), string.Join(", ", version.Words), Time(manifest.Created), Markup.Escape(manifest.Parent ?? ""), manifest.Digest[..19]);
        }

        Write(table);
        if (history.Decisions.Count > 0)
        {
            var decisions = new Table().Border(TableBorder.Simple).AddColumns("#", "time", "decision", "version", "before", "by", "reason");
            foreach (var decision in history.Decisions)
            {
                decisions.AddRow(
                    decision.Number.ToString(CultureInfo.InvariantCulture),
                    Time(decision.Time),
                    DecisionJson.Word(decision.Kind),
                    decision.Version.ToString(CultureInfo.InvariantCulture),
                    decision.From?.ToString(CultureInfo.InvariantCulture) ?? "",
                    Markup.Escape(decision.By),
                    Markup.Escape(decision.Reason));
            }

            Write(decisions);
        }

        foreach (var reason in store.Rejected(name).Select(rejected => rejected.Reason).Concat(history.Rejected.Select(rejected => rejected.Reason)))
        {
            Console.Out.WriteLine(reason);
        }
    }

    private static void Decide(IServiceProvider services, string verb, string model, string? reason)
    {
        var id = ModelId.Parse(model);
        var actions = services.GetRequiredService<VersionActions>();
        var decision = actions.Decide(id.Name, VersionActions.Kinds[verb], id.Version, reason);
        var now = actions.CurrentOf(id.Name);
        Console.Out.WriteLine(
            $"Decision {decision.Number} about {id.Name}: {verb} {decision.Version}. {id.Name} means {id.Name}@{now}"
            + (now == decision.From ? ", as before." : $"; before, {id.Name}@{decision.From}.")
            + " Servers over this registry follow by themselves.");
    }

    private static int Run(string? models, Action<IHostApplicationBuilder>? configure, Action<IServiceProvider> act)
    {
        try
        {
            using var host = Host(models, configure);
            act(host.Services);
            return 0;
        }
        catch (Exception e) when (e is ModelException or OptionsValidationException or IOException or UnauthorizedAccessException)
        {
            Console.Error.WriteLine(e.Message);
            return Refused;
        }
    }

    /// <summary>The server's configuration and its registry, not started.</summary>
    private static IHost Host(string? models, Action<IHostApplicationBuilder>? configure)
    {
        var builder = new HostApplicationBuilder(new HostApplicationBuilderSettings { ContentRootPath = AppContext.BaseDirectory });
        if (models is not null)
        {
            builder.Configuration[$"{ModelOptions.Section}:{nameof(ModelOptions.Root)}"] = Path.GetFullPath(models);
        }

        builder.Logging.ClearProviders();
        builder.AddModels();
        configure?.Invoke(builder);
        return builder.Build();
    }

    private static string Time(DateTimeOffset time) => time.ToUniversalTime().ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture);

    /// <summary>As wide as it is: into a pipe, Spectre would fold lines at 80 columns.</summary>
    private static void Write(Table table)
    {
        var console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(Console.Out) });
        if (Console.IsOutputRedirected)
        {
            console.Profile.Width = 1000;
        }

        console.Write(table);
    }
}
