using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Microsoft.Extensions.Options;
using Serving.Batch;
using Serving.Experiments;
using Serving.Generation;
using Serving.Inference;
using Serving.Models;
using Serving.Observability;
using Serving.Scoring;
using Spectre.Console;

namespace Serving.Comparison;

/// <summary>The verb "ab compare": two arms on the prompts of a file, without a server.</summary>
public static class CompareCommand
{
    public static Command Create()
    {
        var defaults = new CompareSettings { Prompts = "", A = "", B = "" };
        const string Arms = "best-of-n (of the anchor), best-of-n:NAME[@VERSION], distilled, NAME or NAME@VERSION (one sample).";
        var prompts = new Option<string>("--prompts") { Description = "JSON Lines with \"messages\", \"prompt\" or \"document\".", Required = true };
        var a = new Option<string>("--a") { Description = "The baseline: " + Arms, DefaultValueFactory = _ => PolicyRegistry.AnchorAlias };
        var b = new Option<string>("--b") { Description = "What is compared with it: the same words.", DefaultValueFactory = _ => PolicyRegistry.DistilledAlias };
        var candidates = new Option<int>("--candidates") { Description = "N of Best-of-N.", DefaultValueFactory = _ => defaults.Candidates };
        var limit = new Option<int>("--limit") { Description = "Most prompts.", DefaultValueFactory = _ => defaults.Limit };
        var temperature = new Option<float>("--temperature") { DefaultValueFactory = _ => defaults.Temperature };
        var topP = new Option<float>("--top-p") { DefaultValueFactory = _ => defaults.TopP };
        var maxTokens = new Option<int>("--max-tokens") { DefaultValueFactory = _ => defaults.MaxTokens };
        var seed = new Option<long>("--seed") { DefaultValueFactory = _ => defaults.Seed };
        var judge = new Option<string>("--judge") { Description = "Held-out entailment model that scores both.", DefaultValueFactory = _ => defaults.Judge };
        var models = new Option<string?>("--models") { Description = "Registry root [default: Models:Root of the configuration]." };
        var output = new Option<string?>("--out") { Description = "New file for the pairs, JSON Lines; \"ab decide\" reads it." };
        var command = new Command("compare", "Answer the prompts of a file by two arms and compare what the judge thinks of them.")
        {
            prompts, a, b, candidates, limit, temperature, topP, maxTokens, seed, judge, models, output,
        };
        command.SetAction((parsed, cancellationToken) => RunAsync(
            new CompareSettings
            {
                Prompts = parsed.GetRequiredValue(prompts),
                A = parsed.GetRequiredValue(a),
                B = parsed.GetRequiredValue(b),
                Candidates = parsed.GetValue(candidates),
                Limit = parsed.GetValue(limit),
                Temperature = parsed.GetValue(temperature),
                TopP = parsed.GetValue(topP),
                MaxTokens = parsed.GetValue(maxTokens),
                Seed = parsed.GetValue(seed),
                Judge = parsed.GetRequiredValue(judge),
                Out = parsed.GetValue(output),
            },
            parsed.GetValue(models),
            cancellationToken));
        return command;
    }

    private static async Task<int> RunAsync(CompareSettings settings, string? models, CancellationToken cancellationToken)
    {
        try
        {
            var prompts = Spread(ComparedPrompts.Read(settings.Prompts), settings.Limit);
            await using var output = settings.Out is { } path ? new StreamWriter(new FileStream(path, FileMode.CreateNew)) : null;
            using var host = BatchHost.Open(models is null
                ? new Dictionary<string, string?>()
                : new Dictionary<string, string?> { [$"{ModelOptions.Section}:{nameof(ModelOptions.Root)}"] = Path.GetFullPath(models) });
            using var run = new CompareRun(settings, host);
            var pairs = new List<Pair>();
            await WithProgressAsync(prompts.Count, async progress =>
            {
                await foreach (var pair in run.PairsAsync(prompts, cancellationToken))
                {
                    pairs.Add(pair);
                    await (output?.WriteLineAsync(JsonSerializer.Serialize(
                        new { best_of_n = pair.Baseline.Score, distilled = pair.Candidate.Score })) ?? Task.CompletedTask);
                    progress();
                }
            });
            if (run.Refused is [var (line, reason), ..])
            {
                await Console.Error.WriteLineAsync($"{run.Refused.Count} of {prompts.Count} prompts were left out; the first, line {line}: {reason}");
            }

            if (pairs.Count == 0)
            {
                return 1;
            }

            CompareTable.Show(AnsiConsole.Console, run.A, run.B, pairs);
            return 0;
        }
        catch (Exception e) when (e is ModelException or ScorerException or ApiException or OptionsValidationException or InferenceFailedException
            or InvalidDataException or IOException or UnauthorizedAccessException)
        {
            await Console.Error.WriteLineAsync(e.Message);
            return 1;
        }
    }

    private static IReadOnlyList<ComparedPrompt> Spread(IReadOnlyList<ComparedPrompt> all, int most) =>
        all.Count <= most ? all : [.. Enumerable.Range(0, most).Select(i => all[(int)((long)i * all.Count / most)])];

    private static async Task WithProgressAsync(int prompts, Func<Action, Task> run)
    {
        if (Console.IsErrorRedirected)
        {
            var done = 0;
            await run(() =>
            {
                if (++done % 100 == 0)
                {
                    Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{done} of {prompts} prompts"));
                }
            });
            return;
        }

        var console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(Console.Error) });
        await console.Progress()
            .Columns(new TaskDescriptionColumn(), new ProgressBarColumn(), new PercentageColumn(), new RemainingTimeColumn())
            .StartAsync(async context =>
            {
                var bar = context.AddTask("comparing", maxValue: prompts);
                await run(() => bar.Increment(1));
            });
    }
}
