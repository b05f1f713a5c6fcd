using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Nodes;
using Serving.Models;
using Serving.Testing;
using Serving.Trainer.Evaluation;
using Serving.Trainer.Pretraining;

namespace Serving.Trainer.Tests.Evaluation;

[Collection("console")]
public sealed class EvaluateCommandTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public EvaluateCommandTests()
    {
        var store = new ModelStore(_folder.File("models"), TimeProvider.System);
        TinyPolicy.Publish(store, "student", TinyPolicy.Config with { Layers = 1 });
        TinyScorer.PublishBoth(store);
        TinyScorer.Publish(store, "judge", TinyScorer.Config(TinyScorer.EntailmentLabels), seed: 5);
        File.WriteAllLines(Data, Enumerable.Range(0, 6).Select(i => JsonSerializer.Serialize(
            new TaskExample($"package-{i}", "misc", $"Package {i} is a parser for dates, with plots.", $"parser for dates {i}"), JsonSerializerOptions.Web)));
    }

    private string Data => _folder.File("data.jsonl");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Every_answer_has_every_figure_with_interval_and_difference_and_examples_can_be_read()
    {
        var screen = Run(
            "--entailment", "entailment", "--reward", "reward", "--judge", "judge", "--samples", "16", "--documents", "4", "--print", "2", "--out", _folder.File("figures.json"));

        var json = JsonNode.Parse(File.ReadAllText(_folder.File("figures.json")))!;
        var answers = json["answers"]!.AsObject();
        Assert.Equal(
            ["greedy", "one sample", "Best-of-4", "Best-of-16", "early stop", "oracle of 16", "first sentence", "first clause", "human"], answers.Select(answer => answer.Key));
        foreach (var (_, figures) in answers)
        {
            Assert.Equal(
                ["rouge-1", "rouge-2", "rouge-l", "total", "consensus", "entailment", "reward", "judge", "coverage", "density", "words", "candidates", "style"],
                figures!.AsObject().Select(figure => figure.Key).Where(key => !key.StartsWith("style/", StringComparison.Ordinal)));
            Assert.All(figures.AsObject(), figure => Assert.InRange((double)figure.Value!["mean"]!, (double)figure.Value["lower"]! - 1e-9, (double)figure.Value["upper"]! + 1e-9));
        }

        Assert.Equal(100, (double)answers["human"]!["rouge-1"]!["mean"]!);
        Assert.Equal(0, (double)answers["greedy"]!["rouge-1"]!["minus_greedy"]!["mean"]!);
        Assert.Equal(1, (double)answers["first sentence"]!["style/FinalStop"]!["mean"]!);
        Assert.True((double)answers["Best-of-16"]!["total"]!["mean"]! >= (double)answers["Best-of-4"]!["total"]!["mean"]!);
        Assert.True((double)answers["oracle of 16"]!["rouge-l"]!["mean"]! >= (double)answers["Best-of-16"]!["rouge-l"]!["mean"]!);
        Assert.Equal(4, (int)json["documents"]!);
        Assert.Equal(2, screen.Split('\n').Count(line => line.StartsWith("### package-", StringComparison.Ordinal)));
        Assert.Contains("| human |", screen, StringComparison.Ordinal);
    }

    [Fact]
    public void Without_scorers_there_is_no_best_of_n_and_no_probability()
    {
        Run("--samples", "4", "--documents", "2", "--out", _folder.File("figures.json"));

        var answers = JsonNode.Parse(File.ReadAllText(_folder.File("figures.json")))!["answers"]!.AsObject();
        Assert.Equal(["greedy", "one sample", "oracle of 4", "first sentence", "first clause", "human"], answers.Select(answer => answer.Key));
        Assert.DoesNotContain("entailment", answers["greedy"]!.AsObject().Select(figure => figure.Key));
    }

    [Fact]
    public void Samples_do_not_depend_on_how_many_are_drawn()
    {
        JsonNode First(string samples)
        {
            Run("--samples", samples, "--out", _folder.File("figures.json"));
            return JsonNode.Parse(File.ReadAllText(_folder.File("figures.json")))!["answers"]!["one sample"]!;
        }

        Assert.Equal(First("1").ToJsonString(), First("8").ToJsonString());
    }

    [Fact]
    public void A_reward_model_in_place_of_the_judge_is_refused_by_name()
    {
        Assert.Contains("entailment", Assert.ThrowsAny<ModelException>(() => Run("--judge", "reward")).Message, StringComparison.Ordinal);
    }

    private string Run(params string[] arguments)
    {
        var (screen, console) = (new StringWriter(), Console.Out);
        Console.SetOut(screen);
        try
        {
            string[] fixedOnes = ["--policy", "student", "--models", _folder.File("models"), "--data", Data, "--threads", "1"];
            Assert.Equal(0, EvaluateCommand.Create().Parse([.. fixedOnes, .. arguments]).Invoke(new InvocationConfiguration { EnableDefaultExceptionHandler = false }));
        }
        finally
        {
            Console.SetOut(console);
        }

        return screen.ToString();
    }
}
