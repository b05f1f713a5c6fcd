using System.CommandLine;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Options;
using Serving.Admin;
using Serving.Batch;
using Serving.Comparison;
using Serving.Demo;
using Serving.Documentation;
using Serving.Episodes;
using Serving.EpisodeTools;
using Serving.Experiments;
using Serving.Feedback;
using Serving.Generation;
using Serving.Import;
using Serving.Inference;
using Serving.Models;
using Serving.Observability;
using Serving.Requests;
using Serving.Scoring;
using Serving.Training;

// Verbs: each folder that has one brings its own command; without a verb the server starts.
const string Settings = "Settings: --urls http://127.0.0.1:8080, --Section:Key=value.";
var serve = new Command("serve", $"Start the server (the default). {Settings}") { TreatUnmatchedTokensAsErrors = false };
serve.SetAction((parsed, _) => ServeAsync([.. parsed.UnmatchedTokens]));
var root = new RootCommand("Serves language models with Best-of-N answers and learns from what it serves.")
{
    TreatUnmatchedTokensAsErrors = false,
};
root.SetAction((parsed, _) => ServeAsync([.. parsed.UnmatchedTokens]));
root.Subcommands.Add(serve);
root.Subcommands.Add(ScoreCommand.Create());
root.Subcommands.Add(DemoCommand.Create());
root.Subcommands.Add(ImportCommand.Create());
var episodes = EpisodesCommand.Create();
episodes.Subcommands.Add(RerankCommand.Create());
root.Subcommands.Add(episodes);
var ab = AbCommand.Create();
ab.Subcommands.Add(CompareCommand.Create());
root.Subcommands.Add(ab);
root.Subcommands.Add(ModelsCommand.Create(builder => builder.AddExperiments().AddComparison()));

var parsed = root.Parse(args);
if (parsed.CommandResult.Command is { TreatUnmatchedTokensAsErrors: true } verb && parsed.UnmatchedTokens is [var word, ..])
{
    // The root takes settings, so the parser lets unknown words pass everywhere.
    await Console.Error.WriteLineAsync($"\"{word}\" is no option of \"{verb.Name}\"; --help lists them.");
    return 2;
}

var invocation = new InvocationConfiguration { EnableDefaultExceptionHandler = false };
if (parsed.CommandResult.Command == root || parsed.CommandResult.Command == serve)
{
    // The host answers SIGTERM and Ctrl-C itself, by draining; the parser's time limit would cut that short.
    invocation.ProcessTerminationTimeout = null;
}

try
{
    return await parsed.InvokeAsync(invocation);
}
catch (InvalidOperationException e) when (e.InnerException is FormatException or ArgumentException)
{
    // The binder's words for a setting that is not of its type; every verb binds some.
    await Console.Error.WriteLineAsync($"{e.Message} {e.InnerException.Message}");
    return 1;
}
catch (OperationCanceledException)
{
    return 1;
}

static async Task<int> ServeAsync(string[] settings)
{
    if (StraySetting(settings) is { } stray)
    {
        await Console.Error.WriteLineAsync($"\"{stray}\" is neither a verb nor a setting (--Section:Key=value); --help lists the verbs.");
        return 1;
    }

    try
    {
        // The settings file lies beside the program, wherever it is started from.
        var options = new WebApplicationOptions { Args = settings, ContentRootPath = AppContext.BaseDirectory };
        var builder = WebApplication.CreateBuilder(options);

        // A start that fails is told once, in one line, by the catch below.
        var started = false;
        builder.Logging.AddFilter("Microsoft.Extensions.Hosting.Internal.Host", _ => started);
        builder.Logging.AddFilter("Microsoft.AspNetCore.Server.Kestrel", level => started && level >= LogLevel.Warning);
        builder.AddObservability();
        builder.AddRequests();
        builder.AddModels();
        builder.AddInference();
        builder.AddAdmin();
        builder.AddScoring();
        builder.AddEpisodes();
        builder.AddExperiments();
        builder.AddGeneration();
        builder.AddComparison();
        builder.AddFeedback();
        builder.AddDocumentation();
        builder.AddTraining();

        var app = builder.Build();
        app.Lifetime.ApplicationStarted.Register(() => started = true);
        app.UseObservability();
        app.UseRequests();
        app.MapObservability();
        app.MapModels();
        app.MapScoring();
        app.MapGeneration();
        app.MapFeedback();
        app.MapExperiments();
        app.MapDocumentation();
        await app.RunAsync();
        return 0;
    }
    catch (Exception exception) when (exception is OptionsValidationException or ModelException or EpisodeLogException
        or IOException { InnerException: AddressInUseException })
    {
        await Console.Error.WriteLineAsync(exception.Message);
        return 1;
    }
}

// The first word that the configuration would silently ignore.
static string? StraySetting(string[] settings)
{
    for (var i = 0; i < settings.Length; i++)
    {
        if (settings[i].Contains('=', StringComparison.Ordinal))
        {
            continue;
        }

        if (!settings[i].StartsWith("--", StringComparison.Ordinal) || ++i == settings.Length)
        {
            return settings[Math.Min(i, settings.Length - 1)];
        }
    }

    return null;
}
