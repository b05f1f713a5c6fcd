using System.CommandLine;
using Microsoft.Extensions.Configuration;
using Serving.Episodes;
using Serving.Models;

namespace Serving.Experiments;

/// <summary>Where the verbs find what a server left, and what it goes by. Immutable.</summary>
/// <param name="Models">Absolute path of the registry.</param>
/// <param name="Distilled">The distilled name.</param>
/// <param name="Episodes">Absolute path of the episodes' folder.</param>
/// <param name="Options">The section "Experiments".</param>
internal sealed record AbSettings(string Models, string Distilled, string Episodes, ExperimentOptions Options);

/// <summary>The options of verbs that read what a server left: by default the places of the server's own settings file and environment.</summary>
internal sealed class AbPlaces
{
    private readonly Option<string?> _models = new("--models") { Description = "Registry root [default: Models:Root of the configuration]." };
    private readonly Option<string?> _root = new("--experiments") { Description = "Folder of the pair logs [default: Experiments:Root of the configuration]." };

    private readonly Option<string?> _episodes = new("--episodes") { Description = "Folder of episodes and feedback [default: Episodes:Root of the configuration]." };

    public void AddTo(Command command)
    {
        command.Options.Add(_models);
        command.Options.Add(_root);
        command.Options.Add(_episodes);
    }

    public AbSettings Of(ParseResult parsed)
    {
        var configuration = new ConfigurationBuilder().AddJsonFile(Path.Combine(AppContext.BaseDirectory, "appsettings.json"), optional: true).AddEnvironmentVariables().Build();
        var models = configuration.GetSection(ModelOptions.Section).Get<ModelOptions>() ?? new ModelOptions();
        var options = configuration.GetSection(ExperimentOptions.Section).Get<ExperimentOptions>() ?? new ExperimentOptions();
        options.Root = Path.GetFullPath(parsed.GetValue(_root) ?? options.Root);
        return new AbSettings(
            parsed.GetValue(_models) is { } given ? Path.GetFullPath(given) : ModelRoot.Resolve(models.Root, AppContext.BaseDirectory), models.Distilled,
            Path.GetFullPath(parsed.GetValue(_episodes) ?? (configuration.GetSection(EpisodeOptions.Section).Get<EpisodeOptions>() ?? new EpisodeOptions()).Root), options);
    }
}
