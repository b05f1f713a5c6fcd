using System.CommandLine;
using System.ComponentModel.DataAnnotations;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Options;
using Serving.Inference;
using Serving.Models;
using Serving.Onnx;
using Serving.Scoring;
using Serving.Trainer.Policy;
using Serving.Trainer.Terminal;
using Serving.Training;

namespace Serving.Trainer.Loop;

/// <summary>Verb "run": distils logged traffic into a policy and publishes it.</summary>
internal static class RunCommand
{
    /// <summary>A trainer whose server was killed ends by itself within this time; the next one waits that much longer for its folder.</summary>
    private static readonly TimeSpan _lastWords = TimeSpan.FromSeconds(20);

    public static Command Create()
    {
        var recipe = new Option<string?>("--recipe") { Description = "bond, full-bond, jbond, bonbon, gkd, seqkd, gkd-reward, reinforce, entailment, off-policy, or several joined by \"+\" (Trainer:Recipe)." };
        var episodes = new Option<string>("--episodes") { Required = true, Description = "Root of the episode log." };
        var models = new Option<string>("--models") { DefaultValueFactory = _ => "models", Description = "Registry root." };
        var start = new Option<string>("--start") { Required = true, Description = "Version to train, NAME or NAME@VERSION." };
        var teacher = new Option<string?>("--teacher") { Description = "Teacher, and the policy whose draws are learnt from." };
        var reference = new Option<string?>("--reference")
        {
            Description = "Policy that evaluations measure against: its one sample, its Best-of-n, the divergence from it [default: --start].",
        };
        var steps = new Option<int?>("--steps") { Description = "Steps (Trainer:Steps)." };
        var folder = new Option<string>("--run") { Required = true, Description = "Folder for checkpoints and the log." };
        var seed = new Option<ulong>("--seed") { DefaultValueFactory = _ => 1UL };
        var publish = new Option<string?>("--publish-as") { Description = "Name to publish the result under; without it nothing is published." };
        var resume = new Option<bool>("--resume") { Description = "Go on from the last checkpoint of --run." };
        var evaluation = new Option<string?>("--evaluation") { Description = "Prompts to evaluate on, JSON Lines as \"evaluate\" takes them (Trainer:EvaluationFile)." };
        var limit = new Option<int?>("--limit") { Description = "Most prompts of an evaluation (Trainer:EvaluationPrompts)." };
        var device = new Option<TrainingDevice>("--device") { Description = "cpu, or cuda in a build with -p:Accelerator=cuda; rollouts and scorers run on the processor." };
        var leashed = new Option<bool>(TrainerProgram.EndWithInput) { Description = "End when the standard input ends, which it does with the process that started this one." };
        var set = new Option<string[]>("--set")
        {
            Description = "Any other setting, as in --set Trainer:Gkd:Beta=0.5 (repeatable).",
            AllowMultipleArgumentsPerToken = true,
            DefaultValueFactory = _ => [],
        };
        var command = new Command("run", "Distil logged traffic into a policy and publish it.")
        {
            recipe, episodes, models, start, teacher, reference, steps, folder, seed, publish, resume, evaluation, limit, device, leashed, set,
        };
        command.SetAction((arguments, cancellationToken) =>

            // A thread of its own: training is synchronous from the first tensor to the last.
            Task.Factory.StartNew(
                () =>
                {
                    var settings = Settings(arguments.GetValue(set) ?? []);
                    var options = ReadOptions(settings);
                    options.Recipe = arguments.GetValue(recipe) ?? options.Recipe;
                    options.Steps = arguments.GetValue(steps) ?? options.Steps;
                    options.EvaluationFile = arguments.GetValue(evaluation) ?? options.EvaluationFile;
                    options.EvaluationPrompts = arguments.GetValue(limit) ?? options.EvaluationPrompts;
                    Validate(options);
                    var store = new ModelStore(arguments.GetRequiredValue(models), TimeProvider.System);
                    var run = new TrainingRun
                    {
                        Start = store.Find(arguments.GetRequiredValue(start)),
                        Teacher = arguments.GetValue(teacher) is { } id ? store.Find(id) : null,
                        Reference = arguments.GetValue(reference) is { } measured ? store.Find(measured) : null,
                        Episodes = arguments.GetRequiredValue(episodes),
                        Folder = arguments.GetRequiredValue(folder),
                        Seed = arguments.GetValue(seed),
                        Device = arguments.GetValue(device),
                        Resume = arguments.GetValue(resume),
                    };
                    using var leash = arguments.GetValue(leashed) ? new Leash(Console.OpenStandardInput(), _lastWords, TimeProvider.System, cancellationToken) : null;
                    return Execute(options, run, store, settings, arguments.GetValue(publish), leash?.Token ?? cancellationToken);
                },
                CancellationToken.None,
                TaskCreationOptions.LongRunning,
                TaskScheduler.Default));
        return command;
    }

    private static int Execute(
        TrainerOptions options, TrainingRun run, ModelStore store, IConfiguration settings, string? publishAs, CancellationToken cancellationToken)
    {
        var onnx = settings.GetSection(OnnxOptions.Section).Get<OnnxOptions>() ?? new OnnxOptions();
        var inference = settings.GetSection(InferenceOptions.Section).Get<InferenceOptions>() ?? new InferenceOptions();
        var scoring = settings.GetSection(ScoringOptions.Section).Get<ScoringOptions>() ?? new ScoringOptions();
        using var scorecards = new Scorecards(Options.Create(scoring), Options.Create(onnx), store);
        scorecards.Load();
        var scorer = scorecards.Default;
        using var folder = RunFolder.Take(run.Folder, run.Resume, 2 * _lastWords, TimeProvider.System, cancellationToken);
        if (publishAs is not null && folder.PublishedAs(store, publishAs) is { } before)
        {
            Console.WriteLine($"published {before.Id} before");
            return 0;
        }

        using var judge = HeldOutJudge.Open(options.Judge, store, scorer, scoring, onnx);
        TrainingResult result;
        try
        {
            result = new TrainingLoop(
                options, run, scorer.ScoreAsync, onnx, inference, TimeProvider.System, judge is null ? null : judge.ScoreAsync).Run(cancellationToken);
        }
        catch (OperationCanceledException)
        {
            Console.WriteLine($"stopped; the last checkpoint is in {run.Folder}, --resume goes on from it");
            return 1;
        }
        catch (ResumeException e)
        {
            Console.Error.WriteLine($"error: {e.Message}");
            return TrainerProgram.CannotResume;
        }

        using (result)
        {
            Print(result, options, run);
            if (publishAs is not null && result.Good)
            {
                var version = PolicyPublisher.Publish(store, publishAs, result.Policy, run.Start, Training(options, run, folder, result, scorer, judge), Figures(result));
                Console.WriteLine($"published {version.Id}");
            }
        }

        return result.Figures.Stop is null ? 0 : TrainerProgram.StoppedByBound;
    }

    private static void Print(TrainingResult result, TrainerOptions options, TrainingRun run)
    {
        if (result.Figures.Stop is { } stop)
        {
            var best = result.Figures.Best is { } kept
                ? string.Create(CultureInfo.InvariantCulture, $"kept is step {kept.Step}, the best before by {options.Best} ({kept.Mean(options.Best):F3})")
                : "no evaluation before it was good, so nothing is published";
            Console.WriteLine($"stopped at step {stop.Step} of {options.Steps} by the rule \"{stop.Rule}\": {stop.Message}; {best}");
        }

        if (result is { Before: { } before, After: { } after })
        {
            var (gain, error) = after.GainOver(before);
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"one sample on {after.Prompts} held-out prompts: {before.Total:F3} -> {after.Total:F3} at step {after.Step}, gain {gain:F3} +- {1.96 * error:F3} (95 %)"));
            if (after.EffectiveN is { } n)
            {
                Console.WriteLine(string.Create(
                    CultureInfo.InvariantCulture,
                    $"as good as Best-of-{n.Value:F1} [{n.Lower:F1}, {n.Upper:F1}] of {run.MeasuredFrom.Id} (of {result.Figures.Start!.Curve!.Candidates} candidates), {after.Mean(HeldOutEvaluation.DivergenceName):F3} nats from it"));
            }
        }
    }

    private static JsonObject Training(TrainerOptions options, TrainingRun run, RunFolder folder, TrainingResult result, CandidateScorer scorer, HeldOutJudge? judge) => new()
    {
        ["verb"] = "run",
        [RunFolder.IdentityField] = folder.Identity,
        ["recipe"] = options.Recipe,
        ["device"] = run.Device.ToString(),
        ["seed"] = run.Seed,
        ["steps"] = result.After?.Step ?? result.Steps,
        ["steps_taken"] = result.Steps,
        ["stopped"] = result.Figures.Stop?.Message,
        ["log"] = Path.GetFullPath(run.Episodes),
        ["episodes"] = result.Episodes,
        ["groups"] = result.Groups,
        ["start"] = run.Start.Id,
        ["start_digest"] = run.Start.Manifest.Digest,
        ["teacher"] = run.Teacher?.Id,
        ["teacher_digest"] = run.Teacher?.Manifest.Digest,
        ["reference"] = run.MeasuredFrom.Id,
        ["reference_digest"] = run.MeasuredFrom.Manifest.Digest,
        ["scorecard"] = scorer.Scorecard,
        ["scorecard_digest"] = scorer.Digest,
        ["judge"] = judge?.Id,
        ["judge_digest"] = judge?.Digest,
        ["options"] = JsonSerializer.SerializeToNode(options),
    };

    private static JsonObject Figures(TrainingResult result)
    {
        var figures = new JsonObject { ["before"] = result.Before?.ToJson(), ["after"] = result.After?.ToJson() };
        if (result is { Before: { } before, After: { } after })
        {
            var (gain, error) = after.GainOver(before);
            figures["gain"] = gain;
            figures["gain_standard_error"] = error;
        }

        return figures;
    }

    /// <summary>appsettings.json of the working directory, then the environment, then --set, the last one of a key; the same sections as the server's.</summary>
    private static IConfiguration Settings(IReadOnlyList<string> set)
    {
        var values = new Dictionary<string, string?>(StringComparer.OrdinalIgnoreCase);
        foreach (var pair in set)
        {
            if (pair.Split('=', 2) is not [var key, var value])
            {
                throw new ArgumentException($"--set {pair}: write KEY=VALUE, as in Trainer:Gkd:Beta=0.5.", nameof(set));
            }

            values[key] = value;
        }

        return new ConfigurationBuilder()
            .AddJsonFile(Path.GetFullPath("appsettings.json"), optional: true)
            .AddEnvironmentVariables()
            .AddInMemoryCollection(values)
            .Build();
    }

    /// <summary>The section, without the keys by which a server watches over its trainer: one file holds both. A name that is neither's is an error.</summary>
    private static TrainerOptions ReadOptions(IConfiguration settings)
    {
        var own = settings.GetSection(TrainerOptions.Section).AsEnumerable(makePathsRelative: true)
            .Where(pair => pair.Value is not null && !TrainingOptions.Keys.Contains(pair.Key.Split(':')[0]));
        return new ConfigurationBuilder().AddInMemoryCollection(own).Build().Get<TrainerOptions>(binder => binder.ErrorOnUnknownConfiguration = true) ?? new TrainerOptions();
    }

    private static void Validate(TrainerOptions options)
    {
        if (new TrainerOptionsValidator().Validate(null, options) is { Failed: true } result)
        {
            throw new ValidationException(string.Join(Environment.NewLine, result.Failures ?? []));
        }
    }
}
