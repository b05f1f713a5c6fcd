using System.Text.Json;
using Serving.Inference;
using Serving.Testing;
using Serving.Trainer.Data;
using Serving.Trainer.Loop;
using Serving.Trainer.Policy;
using static TorchSharp.torch;

namespace Serving.Trainer.Tests.Loop;

public sealed class HeldOutEvaluationTests(Traffic traffic) : IClassFixture<Traffic>, IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void The_start_measured_again_is_the_start()
    {
        var evaluator = Evaluator(Prompts(30));
        var start = evaluator.EvaluateStart(CancellationToken.None);
        using var policy = PolicyWeights.Load(traffic.Student.Path);

        var again = evaluator.Evaluate(0, policy, start, CancellationToken.None);

        Assert.Equal(start.Sample.Figures.Keys, again.Figures.Keys);
        foreach (var (name, values) in start.Sample.Figures)
        {
            Assert.Equal(values, again.Figures[name]);
        }

        Assert.All(again.Figures["kl"], value => Assert.Equal(0, value, 1e-6));
        Assert.Equal(1, again.EffectiveN!.Value, 1e-6);
        Assert.Equal(0, again.GainShare!.Value, 1e-6);
        Assert.Equal((0, 0), again.GainOver(start.Sample));
    }

    [Fact]
    public void A_policy_that_was_changed_has_gone_from_the_start_and_has_an_effective_n()
    {
        var evaluator = Evaluator(Prompts(30));
        var start = evaluator.EvaluateStart(CancellationToken.None);
        using var policy = PolicyWeights.Load(traffic.Student.Path);
        var answers = Draw(evaluator, policy, start);
        using (no_grad())
        {
            policy.Layers[0].Down.mul_(0);
        }

        var other = Draw(evaluator, policy, start);

        Assert.True(other.Mean("kl") > .1, $"{other.Mean("kl")}");
        Assert.True(answers.Mean("kl") < 1e-6);
        Assert.NotEqual(answers.Total, other.Total);
        Assert.InRange(other.EffectiveN!.Value, other.EffectiveN.Lower, other.EffectiveN.Upper);
        Assert.InRange(start.Curve!.Mean(8) - start.Curve.Mean(1), .3, 5);
    }

    [Fact]
    public void A_student_can_be_measured_against_the_policy_that_it_learns_from()
    {
        var prompts = Prompts(30);
        var run = new TrainingRun { Start = traffic.Student, Reference = traffic.Anchor, Episodes = traffic.Episodes, Folder = _folder.File("run"), Seed = 4 };
        var evaluator = new HeldOutEvaluator(new TrainerOptions(), run, prompts, Traffic.Letters, null, Traffic.Onnx, Traffic.Inference, Sampling);
        using var student = PolicyWeights.Load(traffic.Student.Path);
        using var anchor = PolicyWeights.Load(traffic.Anchor.Path);

        var reference = evaluator.EvaluateStart(CancellationToken.None);
        var begun = evaluator.Evaluate(0, student, reference, CancellationToken.None);
        var same = evaluator.Evaluate(0, anchor, reference, CancellationToken.None);

        Assert.Equal((0, 0), same.GainOver(reference.Sample));
        Assert.Equal(0, same.GainShare!.Value, 1e-6);
        Assert.NotEqual(reference.Sample.Total, begun.Total);
        Assert.True(begun.Mean("kl") > .01, $"{begun.Mean("kl")}");
    }

    [Theory]
    [InlineData("--teacher")]
    [InlineData("--reference")]
    public void A_policy_with_another_tokenizer_is_refused(string option)
    {
        var other = traffic.Anchor with { Manifest = traffic.Anchor.Manifest with { Files = new Dictionary<string, string> { ["tokenizer.json"] = "sha256:other" } } };
        var run = new TrainingRun { Start = traffic.Student, Episodes = traffic.Episodes, Folder = _folder.File("run"), Seed = 4 };
        run = option == "--teacher" ? run with { Teacher = other } : run with { Reference = other };

        var error = Assert.Throws<ArgumentException>(() =>
            new TrainingLoop(new TrainerOptions(), run, Traffic.Letters, Traffic.Onnx, Traffic.Inference, TimeProvider.System).Run(CancellationToken.None));

        Assert.Contains($"{option} anchor@1 has another tokenizer.json than student@1", error.Message, StringComparison.Ordinal);
        Assert.False(Directory.Exists(run.Folder));
    }

    [Fact]
    public void References_bring_rouge_and_a_judge_its_figure_and_both_survive_a_checkpoint()
    {
        HeldOutPrompt[] prompts = [.. Prompts(6).Select((prompt, i) => i % 2 == 0 ? prompt with { Reference = "reads archives" } : prompt)];
        var evaluator = Evaluator(prompts, (_, answer, _) => Task.FromResult(answer.Length % 3 / 2.0));

        var start = evaluator.EvaluateStart(CancellationToken.None);

        Assert.Equal(3, start.Sample.Figures["rouge-l"].Length);
        Assert.Equal(6, start.Sample.Figures["judge"].Length);
        var back = JsonSerializer.Deserialize<RunFigures>(JsonSerializer.Serialize(new RunFigures(start) { Last = start.Sample, Recent = [start.Sample], Stop = new StopReason("kl", 3, 1, 2, "far") }))!;
        Assert.Equal(start.Curve!.Totals, back.Start!.Curve!.Totals);
        Assert.Equal(start.Sample.ToJson().ToJsonString(), back.Last!.ToJson().ToJsonString());
        Assert.Equal(start.Sample.ToLog(), back.Last.ToLog());
        Assert.Equal(("far", 1), (back.Stop!.Message, back.Recent.Count));
    }

    [Fact]
    public void Prompts_of_a_file_come_with_answers_to_agree_with_and_a_reference_where_there_is_one()
    {
        var file = _folder.File("prompts.jsonl");
        File.WriteAllLines(file, ["""{"id": "a", "document": "reads archives", "summary": "archive reader"}""", """{"id": "b", "document": "draws maps"}"""]);

        var prompts = HeldOutFile.Read(file, 10, 128, traffic.Anchor, Traffic.Onnx, Traffic.Inference, Sampling, 3, CancellationToken.None);

        Assert.Equal(["archive reader", null], prompts.Select(prompt => prompt.Reference));
        Assert.Equal("reads archives", prompts[0].Asked.Source);
        Assert.All(prompts, prompt => Assert.Equal(16, prompt.Asked.Answers.Count));
        Assert.Contains("no example", Assert.Throws<InvalidDataException>(() =>
            HeldOutFile.Read(file, 10, 6, traffic.Anchor, Traffic.Onnx, Traffic.Inference, Sampling, 3, CancellationToken.None)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("", 0)]
    [InlineData("one", 0)]
    [InlineData("a b c d", 0)]
    [InlineData("a b a b", 1 / 3.0)]
    [InlineData("no no no no no", 3 / 4.0)]
    public void Repetition_is_the_share_of_word_pairs_that_were_there_before(string answer, double expected) =>
        Assert.Equal(expected, AnswerShape.Repetition(answer), 1e-9);

    private static SamplingParameters Sampling { get; } = new() { MaxTokens = Traffic.MaxTokens };

    private HeldOutPrompt[] Prompts(int count)
    {
        using var anchor = LoadedPolicy.Load(traffic.Anchor, Traffic.Onnx, Traffic.Inference);
        return [.. Enumerable.Range(0, count).Select(i => new HeldOutPrompt(new PromptText($"source {i}", [.. anchor.Tokenizer.Encode($"<s>source {i}<sum>")], [])))];
    }

    private static HeldOutEvaluation Draw(HeldOutEvaluator evaluator, PolicyModule policy, StartEvaluation start) =>
        evaluator.Evaluate(1, policy, start, CancellationToken.None);

    private HeldOutEvaluator Evaluator(HeldOutPrompt[] prompts, AnswerJudge? judge = null)
    {
        var run = new TrainingRun { Start = traffic.Student, Episodes = traffic.Episodes, Folder = _folder.File("run"), Seed = 4 };
        return new HeldOutEvaluator(new TrainerOptions(), run, prompts, Traffic.Letters, judge, Traffic.Onnx, Traffic.Inference, Sampling);
    }
}
