using System.CommandLine;
using System.Text.Json;
using Serving.Testing;
using Serving.Trainer.Loop;

namespace Serving.Trainer.Tests.Loop;

public sealed class TeacherCommandTests(Traffic traffic) : IClassFixture<Traffic>, IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Distillation_from_what_it_stored_is_distillation_from_the_teachers_likeliest_tokens()
    {
        string[] arguments =
        [
            "--episodes", traffic.Episodes, "--models", traffic.Store.Root, "--teacher", "anchor", "--top-k", "8", "--out", _folder.File("teacher.jsonl"),
        ];
        Assert.Equal(0, TeacherCommand.Create().Parse(arguments).Invoke());
        Assert.Equal(150 * 8, File.ReadLines(_folder.File("teacher.jsonl")).Count());

        var live = Losses("live", new GkdOptions { Weight = 1, TeacherTopK = 8 }, "anchor");
        var stored = Losses("stored", new GkdOptions { Weight = 1, TeacherFile = _folder.File("teacher.jsonl") }, null);

        Assert.Equal(live.Length, stored.Length);
        Assert.All(live.Zip(stored), pair => Assert.Equal(pair.First, pair.Second, 1e-4 * pair.First));
        Assert.True(live[^1] < live[0]);
    }

    [Theory]
    [InlineData(.5, 1, 0, "gkd")]
    [InlineData(0, 2, 0, "gkd")]
    [InlineData(0, 1, 8, "gkd")]
    [InlineData(0, 1, 0, "gkd-reward")]
    public void Settings_that_need_more_than_was_stored_are_refused(double lambda, double temperature, int topK, string recipe)
    {
        var options = new TrainerOptions
        {
            Recipe = recipe,
            Gkd = { TeacherFile = "teacher.jsonl", Lambda = lambda, Temperature = temperature, TeacherTopK = topK },
        };

        Assert.Contains("Trainer:Gkd:TeacherFile", new TrainerOptionsValidator().Validate(null, options).FailureMessage, StringComparison.Ordinal);
    }

    [Fact]
    public void Entailment_by_the_registrys_scorer_is_a_recipe()
    {
        TinyScorer.PublishBoth(traffic.Store);
        string[] arguments =
        [
            "--recipe", "entailment", "--episodes", traffic.Episodes, "--models", traffic.Store.Root, "--start", "student@1", "--steps", "2", "--run", _folder.File("run"),
            "--set", "Trainer:MaxTokens=5", "Trainer:EvaluationPrompts=0", "Trainer:Threads=1", "Trainer:BFloat16=false", "Trainer:GroupsPerStep=2",
        ];

        Assert.Equal(0, RunCommand.Create().Parse(arguments).Invoke());

        Assert.Contains(File.ReadLines(_folder.File("run/log.jsonl")), line => line.Contains("\"entailment_reward\":-", StringComparison.Ordinal));
    }

    private double[] Losses(string run, GkdOptions gkd, string? teacher)
    {
        var options = new TrainerOptions
        {
            Recipe = "gkd",
            Gkd = gkd,
            Steps = 6,
            GroupsPerStep = 4,
            LearningRate = 5e-3,
            EvaluationPrompts = 0,
            LogEvery = 1,
            Threads = 1,
            BFloat16 = false,
        };
        var training = new TrainingRun
        {
            Start = traffic.Student,
            Teacher = teacher is null ? null : traffic.Store.Find(teacher),
            Episodes = traffic.Episodes,
            Folder = _folder.File(run),
            Seed = 7,
        };
        new TrainingLoop(options, training, Traffic.Letters, Traffic.Onnx, Traffic.Inference, TimeProvider.System).Run(TestContext.Current.CancellationToken).Dispose();
        return [.. File.ReadLines(_folder.File(run + "/log.jsonl")).Select(line => JsonDocument.Parse(line).RootElement.GetProperty("gkd").GetDouble())];
    }
}
