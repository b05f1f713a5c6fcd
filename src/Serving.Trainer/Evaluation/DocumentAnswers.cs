using Serving.Inference;
using Serving.Trainer.Pretraining;
using Serving.Trainer.Terminal;

namespace Serving.Trainer.Evaluation;

/// <summary>Answers of a policy to the documents of a task, through the serving engine, some prompts at a time.</summary>
internal sealed class DocumentAnswers(LoadedPolicy policy, SamplingParameters sampling, TimeProvider time)
{
    private const int PromptsInFlight = 8;

    private readonly TaskTokens _task = new(policy.Tokenizer);

    /// <summary>The document as far as the policy sees it.</summary>
    public string Cut(string document) => _task.CutText(document);

    /// <summary>
    /// Calls <paramref name="receive"/> for each example in order. Document i samples with seed + i: the first k of n answers do not depend on n.
    /// </summary>
    public async Task ForEachAsync(
        IReadOnlyList<TaskExample> examples, int count, Func<TaskExample, IReadOnlyList<Candidate>, Task> receive, string title, CancellationToken cancellationToken)
    {
        using var bar = new ProgressBar(title, examples.Count, time);
        bar.Report(0);
        foreach (var some in examples.Select((example, index) => (Example: example, Index: index)).Chunk(PromptsInFlight))
        {
            var answers = await Task.WhenAll(some.Select(item => SampleAsync(item.Example, item.Index, count, cancellationToken)));
            for (var i = 0; i < some.Length; i++)
            {
                await receive(some[i].Example, answers[i]);
            }

            bar.Report(some[^1].Index + 1);
        }
    }

    /// <summary>Examples spread evenly over a file.</summary>
    public static IReadOnlyList<TaskExample> Spread(IReadOnlyList<TaskExample> examples, int most)
    {
        var count = Math.Min(most, examples.Count);
        return [.. Enumerable.Range(0, count).Select(i => examples[(int)((long)i * examples.Count / count)])];
    }

    private Task<Candidate[]> SampleAsync(TaskExample example, int index, int count, CancellationToken cancellationToken) =>
        policy.Engine.SampleAsync(
            new SampleRequest(_task.Prompt(example.Document), sampling with { Seed = sampling.Seed + (ulong)index }, count), null, cancellationToken);
}
